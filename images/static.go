package images

import (
	"bytes"
	"context"
	"encoding/pem"
	"io/fs"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Nonroot is the user and group that images run as unless told otherwise.
const Nonroot = 65532

// Static is a base for static binaries that is made here, from this package's
// dependencies and nothing of the building machine: certificate authorities, root and
// nonroot in passwd and group, /tmp, a home. It has no shell and no time zones; a Go
// program brings those with the build tag timetzdata, which [Go] sets on this base.
func Static() Base { return staticBase{} }

type staticBase struct{}

func (staticBase) Name() string { return "" }

func (s staticBase) Digest() (v1.Hash, error) {
	l, err := staticLayer()
	if err != nil {
		return v1.Hash{}, err
	}
	return l.Digest()
}

func (s staticBase) Image(_ context.Context, p v1.Platform) (v1.Image, error) {
	l, err := staticLayer()
	if err != nil {
		return nil, err
	}
	return assemble(contents{
		config: v1.ConfigFile{
			OS: p.OS, Architecture: p.Architecture, Variant: p.Variant,
			Created: v1.Time{Time: time.Unix(0, 0).UTC()},
			Config: v1.Config{
				User: "65532:65532", WorkingDir: "/home/nonroot",
				Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			},
		},
		mediaType: types.OCIManifestSchema1,
		layers:    []v1.Layer{l},
		history:   []string{"static base: certificate authorities, passwd, group, /tmp"},
	})
}

var staticLayer = sync.OnceValues(func() (*layer, error) {
	files := []Entry{
		{Path: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0:root:/root:/sbin/nologin\n" +
			"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n" +
			"nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")},
		{Path: "etc/group", Mode: 0o644, Body: []byte("root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n")},
		{Path: "etc/nsswitch.conf", Mode: 0o644, Body: []byte("hosts: files dns\n")},
		{Path: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Body: authorities()},
		{Path: "home/nonroot", Mode: fs.ModeDir | 0o700, UID: Nonroot, GID: Nonroot},
		{Path: "root", Mode: fs.ModeDir | 0o700},
		{Path: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return newLayer(append(files, Parents(paths)...), time.Unix(0, 0), types.OCILayer, "")
})

// authorities renders Mozilla's roots as PEM. Roots that are trusted only for
// certificates issued before some date are left out, because a PEM file cannot say so.
func authorities() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return out.Bytes()
}
