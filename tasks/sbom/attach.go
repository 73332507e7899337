package main

import (
	"context"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/referrers"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// attachAll makes every document a referrer of its subject. The same document is attached once, however often this runs.
func (o *options) attachAll(ctx context.Context, r *task.Run, client *registry.Client, ref name.Digest, all []*catalogue) error {
	store := referrers.New(client, ref.Context())
	for _, c := range all {
		digest, err := v1.NewHash(c.ref.DigestStr())
		if err != nil {
			return err
		}
		subject, err := store.Subject(ctx, digest)
		if err != nil {
			return registry.Explain(err, "attaching to", c.ref)
		}
		for _, d := range c.documents {
			attached, err := store.Attach(ctx, subject, referrers.Artifact{Type: d.artifactType, Title: filepath.Base(d.file), Content: d.data})
			if err != nil {
				return registry.Explain(err, "attaching to", c.ref)
			}
			r.Printf("attached %s to %s as %s", d.artifactType, digest, attached.Digest)
		}
	}
	return nil
}
