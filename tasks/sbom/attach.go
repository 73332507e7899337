package main

import (
	"context"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// attachAll makes every document a referrer of its subject. The same document is attached once, however often this runs.
func attachAll(ctx context.Context, r *task.Run, client *registry.Client, repo name.Repository, all []*catalogue) error {
	to := ocirepo.New(ocirepo.Access{Keychain: client.Keychain, Transport: client.Transport}).Open(repo, ocirepo.Push)
	for _, c := range all {
		var documents []ocirepo.Document
		for _, d := range c.documents {
			documents = append(documents, ocirepo.Document{Type: d.artifactType, Title: filepath.Base(d.file), Content: d.data})
		}
		attached, err := to.AttachDocuments(ctx, c.descriptor, documents...)
		if err != nil {
			return ocirepo.Explain(err)
		}
		for i, m := range attached {
			r.Printf("attached %s to %s as %s", documents[i].Type, c.descriptor.Digest, m.Digest)
		}
	}
	return nil
}
