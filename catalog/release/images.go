package release

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/catalog/progress"
	"github.com/sluice-ci/sluice/catalog/tree"
	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// parallel is how many images are looked for or pushed at once: enough to hide a registry's latency, too few to trouble it.
const parallel = 6

// An Image is a task's image in the registry.
type Image struct {
	Task   string `json:"task"`
	Ref    string `json:"ref"` // repository:tag@sha256:…
	Digest string `json:"digest"`
	Reused bool   `json:"reused"` // it was there already; nothing was built
}

// builder publishes the images of all tasks.
type builder struct {
	Options
	repositories map[string]name.Repository // by task
	inputs       map[string]images.Inputs   // by task
}

func newBuilder(ctx context.Context, o Options) (*builder, error) {
	b := &builder{Options: o, repositories: map[string]name.Repository{}, inputs: map[string]images.Inputs{}}
	var pkgs []string
	for _, u := range o.Tree.Tasks {
		repo, err := o.Client.Repository(o.Registry + "/" + u.Name)
		if err != nil {
			return nil, err
		}
		b.repositories[u.Name] = repo
		pkgs = append(pkgs, "./"+u.Dir)
	}
	inputs, err := sourceInputs(ctx, o.Tree.Root, pkgs, o.Platforms)
	if err != nil {
		return nil, err
	}
	for _, u := range o.Tree.Tasks {
		b.inputs[u.Name] = inputs["./"+u.Dir]
	}
	return b, nil
}

// tag is the version tag of a task's image. Without a release version it says that it may move.
func (b *builder) tag(u *tree.Unit) string {
	if b.Version == "" {
		return u.Version() + "-dev"
	}
	return u.Version()
}

// changed lists the tasks of whose inputs the registry has no image.
func (b *builder) changed(ctx context.Context) ([]*tree.Unit, error) {
	var mu sync.Mutex
	var changed []*tree.Unit
	err := b.each(ctx, b.Tree.Tasks, func(ctx context.Context, u *tree.Unit) error {
		_, found, err := images.Find(ctx, b.repositories[u.Name], b.inputs[u.Name], b.Client.Remote(ctx)...)
		if err != nil {
			return registry.Explain(err, "looking for an image in", b.repositories[u.Name])
		}
		if !found {
			mu.Lock()
			defer mu.Unlock()
			changed = append(changed, u)
		}
		return nil
	})
	return changed, err
}

func (b *builder) each(ctx context.Context, units []*tree.Unit, do func(context.Context, *tree.Unit) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, u := range units {
		group.Go(func() error { return do(ctx, u) })
	}
	return group.Wait()
}

// publish builds what changed in one go, pushes it, and gives the image of every task.
func (b *builder) publish(ctx context.Context, p *progress.Progress) ([]Image, error) {
	var changed []*tree.Unit
	err := p.Do("looking for unchanged images", func(s *progress.Step) (err error) {
		changed, err = b.changed(ctx)
		s.Done("%d of %d are there", len(b.Tree.Tasks)-len(changed), len(b.Tree.Tasks))
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := b.mayPush(changed); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "catalog-release-")
	if err != nil {
		return nil, fmt.Errorf("making a scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	built, err := b.build(ctx, p, changed, scratch)
	if err != nil {
		return nil, err
	}
	var all []Image
	err = p.Do(fmt.Sprintf("pushing to %s", b.Registry), func(s *progress.Step) (err error) {
		all, err = b.push(ctx, s, built)
		s.Done("%d pushed, %d reused", len(changed), len(all)-len(changed))
		return err
	})
	return all, err
}

// mayPush asks the registry for an upload before minutes are spent on building what it would refuse.
func (b *builder) mayPush(changed []*tree.Unit) error {
	if len(changed) == 0 {
		return nil
	}
	repo := b.repositories[changed[0].Name]
	return registry.Explain(remote.CheckPushPermission(repo.Tag(b.tag(changed[0])), b.Client.Keychain, b.Client.Transport), "asking to push to", repo)
}

func (b *builder) build(ctx context.Context, p *progress.Progress, changed []*tree.Unit, scratch string) (map[string]images.Artifact, error) {
	if len(changed) == 0 {
		return nil, nil
	}
	var pkgs []string
	for _, u := range changed {
		pkgs = append(pkgs, "./"+u.Dir)
	}
	var built map[string]images.Artifact
	err := p.Do(fmt.Sprintf("building %d of them for %s", len(pkgs), platformList(b.Platforms)), func(*progress.Step) (err error) {
		g := images.Go{
			Dir: b.Tree.Root, Platforms: b.Platforms, Scratch: scratch,
			// No revision: a task that did not change keeps its digest from commit to commit. release.json names the commit.
			Annotations: map[string]string{images.AnnotationSource: "https://" + b.Tree.Module, "org.opencontainers.image.licenses": "Apache-2.0"},
		}
		if built, err = g.Images(ctx, pkgs...); err != nil {
			return task.Misconfigured("%w", err).WithRemedy("go build %s shows it alone", pkgs[0])
		}
		return withinBudget(changed, built)
	})
	return built, err
}

func (b *builder) push(ctx context.Context, s *progress.Step, built map[string]images.Artifact) ([]Image, error) {
	all := make([]Image, len(b.Tree.Tasks))
	err := b.each(ctx, b.Tree.Tasks, func(ctx context.Context, u *tree.Unit) error {
		repo, tag := b.repositories[u.Name], b.tag(u)
		build := func(context.Context) (images.Artifact, error) {
			if artifact, ok := built[u.Name]; ok {
				return artifact, nil
			}
			return nil, fmt.Errorf("the image of %s was there a moment ago and is gone", u.Name)
		}
		if err := b.keepTag(ctx, u, repo.Tag(tag), built[u.Name]); err != nil {
			return err
		}
		published, err := images.Publish(ctx, repo, b.inputs[u.Name], []string{tag}, build, b.Client.Remote(ctx)...)
		if err != nil {
			return registry.Explain(err, "pushing to", repo)
		}
		if !published.Reused {
			s.Now("%s:%s", u.Name, tag)
		}
		all[slices.Index(b.Tree.Tasks, u)] = Image{
			Task: u.Name, Ref: fmt.Sprintf("%s:%s@%s", repo, tag, published.Digest.DigestStr()), Digest: published.Digest.DigestStr(), Reused: published.Reused,
		}
		return nil
	})
	return all, err
}
