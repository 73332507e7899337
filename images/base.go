package images

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Base is what an image stands on.
type Base interface {
	// Name is the reference that people know the base by; empty if it lies in no registry.
	Name() string
	// Digest identifies the base for all platforms, without asking a registry: that of the
	// image or index, or of the one layer of [Static].
	Digest() (v1.Hash, error)
	// Image returns the base for one platform.
	Image(ctx context.Context, platform v1.Platform) (v1.Image, error)
}

var (
	_ Base = staticBase{}
	_ Base = (*remoteBase)(nil)
)

// Remote returns the base that lies in a registry. Its name is what people know it by;
// the registry is asked only when [Base].Image is called.
func Remote(name string, digest name.Digest, options ...remote.Option) Base {
	return &remoteBase{name: name, ref: digest, options: options}
}

// Resolve returns the base that ref names now. It asks the registry once for a tag,
// which can mean another image tomorrow: callers who promise the same digest for the
// same inputs call [Remote].
func Resolve(ctx context.Context, ref name.Reference, options ...remote.Option) (Base, error) {
	if digest, is := ref.(name.Digest); is {
		return Remote(ref.Name(), digest, options...), nil
	}
	found, err := remote.Head(ref, with(ctx, options)...)
	if err != nil {
		return nil, fmt.Errorf("resolving base %q: %w", ref, err)
	}
	return Remote(ref.Name(), ref.Context().Digest(found.Digest.String()), options...), nil
}

type remoteBase struct {
	name    string
	ref     name.Digest
	options []remote.Option
}

func (b *remoteBase) Name() string { return b.name }

func (b *remoteBase) Digest() (v1.Hash, error) { return v1.NewHash(b.ref.DigestStr()) }

func (b *remoteBase) Image(ctx context.Context, platform v1.Platform) (v1.Image, error) {
	image, err := remote.Image(b.ref, append(with(ctx, b.options), remote.WithPlatform(platform))...)
	if err != nil {
		return nil, fmt.Errorf("fetching base %q for %s: %w", b.name, platform, err)
	}
	// An image that is no index is returned for whatever platform is asked.
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("fetching the configuration of base %q: %w", b.name, err)
	}
	if have := config.Platform(); have != nil && !have.Satisfies(v1.Platform{OS: platform.OS, Architecture: platform.Architecture}) {
		return nil, fmt.Errorf("fetching base %q for %s: it is built for %s only", b.name, platform, have)
	}
	return image, nil
}
