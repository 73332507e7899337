package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
)

const (
	layersPerImage = 12
	layerSize      = 256 << 10 // bytes, random: they do not compress
)

// copier is one way to copy an image.
type copier struct {
	name     string
	evidence string // what it brings besides the image
	commands func(from, to string) [][]string
}

func copiers(dir, stock string) []copier {
	tool := func(name string, args ...string) []string {
		return append([]string{filepath.Join(stock, name)}, args...)
	}
	crane := func(from, to string) []string { return tool("crane", "cp", from, to) }
	return []copier{
		{"promote", "all", func(from, to string) [][]string {
			return [][]string{{filepath.Join(dir, "promote"), "--image=" + from, "--target=" + to}}
		}},
		{"crane cp", "none", func(from, to string) [][]string { return [][]string{crane(from, to)} }},
		{"crane cp, and the fallback tag", "all", func(from, to string) [][]string {
			repo, digest, _ := strings.Cut(from, "@")
			tag := ":" + strings.Replace(digest, ":", "-", 1)
			return [][]string{crane(from, to), crane(repo+tag, to[:strings.LastIndex(to, ":")]+tag)}
		}},
		{"regctl image copy --referrers --digest-tags", "all", func(from, to string) [][]string {
			args := tool("regctl", "image", "copy", "--referrers", "--digest-tags", from, to)
			for _, ref := range []string{from, to} {
				host, _, _ := strings.Cut(ref, "/")
				args = append(args, "--host=reg="+host+",tls=disabled")
			}
			return [][]string{args}
		}},
		{"oras cp -r", "referrers", func(from, to string) [][]string {
			return [][]string{tool("oras", "cp", "-r", "--from-plain-http", "--to-plain-http", from, to)}
		}},
		{"skopeo copy --all", "none", func(from, to string) [][]string {
			return [][]string{{"skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://" + from, "docker://" + to}}
		}},
	}
}

// attestedImages pushes n random images with two pieces of evidence each.
func attestedImages(ctx context.Context, host string, n int) (refs []string, err error) {
	pair, err := keys.Generate("ecdsa")
	if err != nil {
		return nil, err
	}
	signer, err := keys.ParsePrivate(pair.Private, pair.Password)
	if err != nil {
		return nil, err
	}
	path, err := name.NewRepository(fmt.Sprintf("%s/source-%d/app", host, n))
	if err != nil {
		return nil, err
	}
	repo := ocirepo.New(ocirepo.Access{}).Open(path, ocirepo.Push)
	for range n {
		image, err := random.Image(layerSize, layersPerImage)
		if err != nil {
			return nil, err
		}
		digest, err := image.Digest()
		if err != nil {
			return nil, err
		}
		ref := path.Digest(digest.String())
		if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
			return nil, err
		}
		subject, err := repo.Head(ctx, digest.String())
		if err != nil {
			return nil, err
		}
		var signed []evidence.Signed
		for _, kind := range []string{predicate.ProvenanceType, predicate.SPDXType} {
			s, err := evidence.SealPredicate(signer, subject, evidence.Origin{}, kind, json.RawMessage(`{}`))
			if err != nil {
				return nil, err
			}
			signed = append(signed, s)
		}
		if err := evidence.Attach(ctx, repo, digest, signed...); err != nil {
			return nil, err
		}
		refs = append(refs, ref.String())
	}
	return refs, nil
}

// stockCopiers builds crane, oras and regctl as tests/interop pins them.
func stockCopiers(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "sluice", "copiers")
	for name, pkg := range map[string]string{
		"crane":  "github.com/google/go-containerregistry/cmd/crane",
		"oras":   "oras.land/oras/cmd/oras",
		"regctl": "github.com/regclient/regclient/cmd/regctl",
	} {
		if err := compile(ctx, "../interop", pkg, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, nil
}
