package ocirepo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	tagPage  = 1000 // registries refuse more
	tagPages = 20   // more than this many evidence tags and the window is asked for instead
)

// TagsWithPrefix lists the tags that begin with prefix, in lexical order. Where the
// registry lists in lexical order, as the specification says, it pages only
// through them. It fails with an [ErrTooLarge] for more than 20,000 of them.
func (r *Repository) TagsWithPrefix(ctx context.Context, prefix string) ([]string, error) {
	var found []string
	last := before(prefix)
	for range tagPages {
		page, more, err := r.tags(ctx, last)
		if err != nil {
			return nil, err
		}
		past := false
		for _, t := range page {
			if strings.HasPrefix(t, prefix) {
				found = append(found, t)
			}
			past = past || t > prefix && !strings.HasPrefix(t, prefix)
		}
		if !more || len(page) == 0 || past && slices.IsSorted(page) && page[0] > last {
			slices.Sort(found)
			return slices.Compact(found), nil
		}
		last = page[len(page)-1]
	}
	return nil, fmt.Errorf("listing the tags of %q that begin with %q: %w: more than %d", r.Name, prefix, ErrTooLarge, tagPage*tagPages)
}

func (r *Repository) tags(ctx context.Context, last string) (page []string, more bool, err error) {
	query := url.Values{"n": {fmt.Sprint(tagPage)}}
	if last != "" {
		query.Set("last", last)
	}
	resp, err := r.do(ctx, request{
		method: http.MethodGet, path: "tags/list?" + query.Encode(),
		accept: []int{http.StatusOK, http.StatusNotFound}, // 404: no such repository yet
		read: func(resp *http.Response, body io.Reader) error {
			b, err := readBounded(body, MaxManifest)
			if err != nil || resp.StatusCode == http.StatusNotFound {
				return err
			}
			var doc struct {
				Tags []string `json:"tags"`
			}
			if err := json.Unmarshal(b, &doc); err != nil {
				return err
			}
			page = doc.Tags
			return nil
		},
	})
	if err != nil {
		return nil, false, fmt.Errorf("listing the tags of %q: %w", r.Name, err)
	}
	return page, resp.Header.Get("Link") != "", nil
}

// before gives a tag that sorts before every tag with this prefix, and after
// nearly all others, so that a listing can start there.
func before(prefix string) string { return prefix[:len(prefix)-1] }
