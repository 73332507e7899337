package release

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// keepTag refuses to give a version that was released before to another image. A development release, which has no version, may.
func (b *builder) keepTag(ctx context.Context, u *tree.Unit, tag name.Tag, built images.Artifact) error {
	if b.Version == "" {
		return nil
	}
	released, err := remote.Head(tag, b.Client.Remote(ctx)...)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return registry.Explain(err, "looking at", tag)
	}
	digest := ""
	if built != nil {
		d, err := built.Digest()
		if err != nil {
			return err
		}
		digest = d.String()
	} else if found, ok, err := images.Find(ctx, tag.Repository, b.inputs[u.Name], b.Client.Remote(ctx)...); err != nil {
		return registry.Explain(err, "looking for an image in", tag.Repository)
	} else if ok {
		digest = found.DigestStr()
	}
	if digest == released.Digest.String() {
		return nil
	}
	return task.Refuse("%s %s was released before as %s and is now %s", u.Name, u.Version(), released.Digest, digest).
		WithRemedy("raise app.kubernetes.io/version in %s; or leave --version out for a development release, whose tags may move", u.File())
}
