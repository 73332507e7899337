package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/task"
)

// maxBack is how many records are looked at.
const maxBack = 200

// choice is the record to go back to, and what was looked at on the way.
type choice struct {
	entry    *promotion.Entry
	evidence []promotion.EvidenceRef
	done     bool // the newest record is this rollback already
	looked   []look
}

type look struct {
	entry   *promotion.Entry
	verdict string
}

// choose walks back from the present. A named image or record is the only one that
// will do; otherwise the first one does that differs from the present and verifies.
func (p *place) choose(ctx context.Context, to string) (*choice, error) {
	c := &choice{}
	newest := p.chain.Newest
	repeated, err := p.repeated(ctx, newest, to)
	if err != nil {
		return c, err
	}
	if repeated {
		c.done = true
		c.note(newest, "is this rollback already")
		c.entry, err = p.chain.Restored(ctx, newest)
		return c, err
	}
	at, err := p.chain.Restored(ctx, newest)
	if err != nil {
		return c, err
	}
	c.note(newest, "the present")
	if to == "" {
		at, err = p.chain.Before(ctx, at)
	} else {
		at = newest
	}
	for range maxBack {
		if err != nil {
			return c, err
		}
		if at == nil {
			break
		}
		if named := to == at.Image.String() || to == at.Manifest.String(); named || to == "" && at.Image != newest.Image {
			err := p.admits(ctx, c, at)
			if err == nil || named || task.Code(ocirepo.Explain(err)) != task.CodeRefused {
				return c, err
			}
		}
		at, err = p.chain.Before(ctx, at)
	}
	if to != "" {
		return c, task.Refuse("%s was never promoted to %q, or longer ago than %d records", to, p.environment.Name, maxBack).
			WithRemedy("see what was: rollback --plan --environment=%s", p.environment.Name)
	}
	return c, task.Refuse("no image that was promoted to %q before %s has evidence that verifies", p.environment.Name, newest.Image).
		WithRemedy("see each record and why not: rollback --plan --environment=%s", p.environment.Name)
}

// repeated tells whether the newest record is the rollback that is asked for: to the
// same place, of the same run, or cut off before the tags moved.
func (p *place) repeated(ctx context.Context, newest *promotion.Entry, to string) (bool, error) {
	switch {
	case newest.Action != promotion.Rollback:
		return false, nil
	case to != "":
		return to == newest.Image.String() || to == newest.Restores.String(), nil
	case p.run != "" && p.run == newest.Run:
		return true, nil
	}
	tag, err := p.repo.Head(ctx, p.tag)
	if err != nil && !errors.Is(err, ocirepo.ErrNotFound) {
		return false, err
	}
	return tag.Digest != newest.Image || p.chain.Tip != newest.Manifest, nil
}

// admits judges an image by the evidence in the environment's repository, at the
// time when it was promoted.
func (p *place) admits(ctx context.Context, c *choice, e *promotion.Entry) error {
	verdict, err := promotion.Judge(ctx, p.policy, p.environment, p.repo.Attachments(), e.Image, e.Commit, e.PromotedOn)
	if err != nil {
		return err
	}
	if err := promotion.Refusal(verdict, p.repo.Name.Digest(e.Image.String()), p.environment); err != nil {
		c.note(e, err.Error())
		return err
	}
	c.entry, c.evidence = e, nil
	for _, row := range verdict.Evidence() {
		c.evidence = append(c.evidence, promotion.EvidenceRef{Requirement: row.Requirement, Manifest: row.Manifest})
	}
	c.note(e, "verifies: this is where a rollback goes")
	return nil
}

func (c *choice) note(e *promotion.Entry, verdict string) {
	c.looked = append(c.looked, look{e, verdict})
}

func (c *choice) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RECORD\tACTION\tON\tIMAGE\tCOMMIT\tVERDICT")
	for _, l := range c.looked {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", l.entry.Number, l.entry.Action,
			l.entry.PromotedOn.Format(time.RFC3339), l.entry.Image, l.entry.Commit, l.verdict)
	}
	return t.Flush()
}
