package promotion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/task"
)

// maxRecord bounds a record's bundle, in bytes.
const maxRecord = 1 << 20

// Chain is the history of an environment.
type Chain struct {
	policy      *policy.Policy
	environment *policy.Environment
	repo        *ocirepo.Repository

	Newest *Entry  // nil where nothing was ever promoted
	Tip    v1.Hash // what the tag promotions-<environment> names; the newest record, unless a promotion was cut off
}

// Open reads the newest record of an environment and verifies it.
func Open(ctx context.Context, p *policy.Policy, e *policy.Environment, repo *ocirepo.Repository) (*Chain, error) {
	c := &Chain{policy: p, environment: e, repo: repo}
	tip, err := repo.Head(ctx, c.tipTag()) // before the list, so that it is never ahead of that
	if err != nil && !errors.Is(err, ocirepo.ErrNotFound) {
		return nil, err
	}
	c.Tip = tip.Digest
	last, err := c.last(ctx)
	if err != nil {
		return nil, err
	}
	if last.tag == "" {
		if c.Tip.Hex != "" {
			return nil, c.broken("%s names a record, and no record has a tag of its own", c.tipTag())
		}
		return c, nil
	}
	if c.Newest, err = c.read(ctx, last.tag); err != nil {
		return nil, err
	}
	if c.Newest.Number != last.number || !strings.HasPrefix(c.Newest.Manifest.Hex, last.digest) {
		return nil, c.broken("tag %s holds record %d, %s", last.tag, c.Newest.Number, c.Newest.Manifest)
	}
	return c, c.reachTip(ctx)
}

// reachTip walks back from the newest record to the tip, which promotions that were
// cut off left behind. A tip that is not on the way tells of a record that is gone.
func (c *Chain) reachTip(ctx context.Context) (err error) {
	for at := c.Newest; c.Tip.Hex != "" && at.Manifest != c.Tip; {
		if at, err = c.Before(ctx, at); err != nil {
			return err
		}
		if at == nil {
			return c.broken("%s names %s, which is not among those that lead to record %d: was a newer one deleted?", c.tipTag(), c.Tip, c.Newest.Number)
		}
	}
	return nil
}

// Before reads the record before an entry; nil before the first.
func (c *Chain) Before(ctx context.Context, e *Entry) (*Entry, error) {
	if e.Previous == nil {
		return nil, nil
	}
	before, err := c.read(ctx, e.Previous.Record.String())
	if err != nil {
		return nil, err
	}
	if before.Number != e.Number-1 || before.Image != e.Previous.Image {
		return nil, c.broken("record %d says it follows %s, which is record %d of %s", e.Number, e.Previous.Record, before.Number, before.Image)
	}
	return before, nil
}

// Restored gives the record that a rollback went back to; any other entry is itself.
func (c *Chain) Restored(ctx context.Context, e *Entry) (*Entry, error) {
	for e.Action == Rollback {
		was, err := c.read(ctx, e.Restores.String())
		if err != nil {
			return nil, err
		}
		if was.Image != e.Image || was.Number >= e.Number {
			return nil, c.broken("record %d says it restores %s, which is record %d of %s", e.Number, e.Restores, was.Number, was.Image)
		}
		e = was
	}
	return e, nil
}

// read fetches and verifies a record by tag or digest.
func (c *Chain) read(ctx context.Context, ref string) (*Entry, error) {
	m, err := c.repo.Manifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Layers  []v1.Descriptor `json:"layers"`
		Subject *v1.Descriptor  `json:"subject"`
	}
	if err := json.Unmarshal(m.Bytes, &doc); err != nil || len(doc.Layers) != 1 || doc.Subject == nil {
		return nil, c.broken("%s is no promotion record", ref)
	}
	b, err := c.repo.ReadBlob(ctx, doc.Layers[0], maxRecord)
	if err != nil {
		return nil, err
	}
	envelope, err := evidence.ParseBundle(b)
	if err != nil {
		return nil, c.broken("%s: %w", ref, err)
	}
	r, err := verify(c.policy, c.environment, envelope, doc.Subject.Digest)
	if err != nil {
		return nil, c.broken("%s: %w", ref, err)
	}
	return &Entry{Record: *r, Manifest: m.Digest, Image: doc.Subject.Digest}, nil
}

// broken refuses to go on with a history that is not what it should be.
func (c *Chain) broken(format string, args ...any) error {
	return task.Refuse("the promotion records of %q in %s: %w", c.environment.Name, c.repo.Name, fmt.Errorf(format, args...)).
		WithRemedy("look at the tags %s* there: who wrote them? Records are never moved or edited by this catalog", c.tipTag())
}

func (c *Chain) tipTag() string { return "promotions-" + c.environment.Name }

func (c *Chain) ownTag(number int, record v1.Hash) string {
	return fmt.Sprintf("%s.%06d.%s", c.tipTag(), number, record.Hex[:16])
}

var ownSuffix = regexp.MustCompile(`^\.(\d{6,9})\.([0-9a-f]{16})$`)

// place is a record as its tag tells.
type place struct {
	tag    string
	number int
	digest string // the first 16 hex digits
}

// last finds the record with the highest number. Two with one number are a fork.
func (c *Chain) last(ctx context.Context) (place, error) {
	tags, err := c.repo.TagsWithPrefix(ctx, c.tipTag()+".")
	if err != nil {
		return place{}, err
	}
	var last place
	seen := map[int]string{}
	for _, tag := range tags {
		m := ownSuffix.FindStringSubmatch(strings.TrimPrefix(tag, c.tipTag()))
		if m == nil {
			continue
		}
		number, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if other, ok := seen[number]; ok {
			return place{}, task.Refuse("the promotion records of %q in %s fork: %s and %s have the same number", c.environment.Name, c.repo.Name, other, tag).
				WithRemedy("two promotions ran at once, and neither was completed. Delete the tag of the record that shall not count, then promote again")
		}
		seen[number] = tag
		if number > last.number {
			last = place{tag, number, m[2]}
		}
	}
	return last, nil
}
