package images

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Base is what an image stands on.
type Base interface {
	// Name is the reference that people know the base by; empty if it lies in no registry.
	Name() string
	// Digest identifies the base for all platforms, without asking a registry.
	Digest() (v1.Hash, error)
	// Image returns the base for one platform.
	Image(ctx context.Context, platform v1.Platform) (v1.Image, error)
}

var (
	_ Base = staticBase{}
	_ Base = (*remoteBase)(nil)
)

// ErrFloating reports a base that is named by a tag, which can mean another image tomorrow.
var ErrFloating = errors.New("a base is named by digest; a tag can mean another image tomorrow")

// Remote returns the base ref, which must name a digest; a tag beside it is kept in the name.
// The registry is asked only when [Base].Image is called.
func Remote(ref string, names []name.Option, options ...remote.Option) (Base, error) {
	digest, err := name.NewDigest(ref, names...)
	if err != nil {
		if tag, tagErr := name.NewTag(ref, names...); tagErr == nil {
			return nil, fmt.Errorf("reading base %q: %w", tag, ErrFloating)
		}
		return nil, fmt.Errorf("reading base %q: %w", ref, err)
	}
	return &remoteBase{name: ref, ref: digest, options: options}, nil
}

// Resolve returns the base that ref names now, a tag or a digest. It asks the registry once for a tag.
func Resolve(ctx context.Context, ref string, names []name.Option, options ...remote.Option) (Base, error) {
	base, err := Remote(ref, names, options...)
	if !errors.Is(err, ErrFloating) {
		return base, err
	}
	tag, err := name.NewTag(ref, names...)
	if err != nil {
		return nil, fmt.Errorf("reading base %q: %w", ref, err)
	}
	found, err := remote.Head(tag, append(options[:len(options):len(options)], remote.WithContext(ctx))...)
	if err != nil {
		return nil, fmt.Errorf("resolving base %q: %w", ref, err)
	}
	return &remoteBase{name: ref, ref: tag.Context().Digest(found.Digest.String()), options: options}, nil
}

type remoteBase struct {
	name    string
	ref     name.Digest
	options []remote.Option
}

func (b *remoteBase) Name() string { return b.name }

func (b *remoteBase) Digest() (v1.Hash, error) { return v1.NewHash(b.ref.DigestStr()) }

func (b *remoteBase) Image(ctx context.Context, platform v1.Platform) (v1.Image, error) {
	options := append(b.options[:len(b.options):len(b.options)], remote.WithContext(ctx), remote.WithPlatform(platform))
	image, err := remote.Image(b.ref, options...)
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
