package images_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

var amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}

// usrMerged is laid out like a distribution: /bin is a link, some directories have
// owners and modes of their own.
var usrMerged = []images.Entry{
	{Path: "usr", Mode: fs.ModeDir | 0o755},
	{Path: "usr/bin", Mode: fs.ModeDir | 0o755},
	{Path: "usr/bin/sh", Mode: 0o755, Body: []byte("sh")},
	{Path: "bin", Symlink: "usr/bin"},
	{Path: "var", Mode: fs.ModeDir | 0o755},
	{Path: "var/run", Symlink: "/run"},
	{Path: "run", Mode: fs.ModeDir | 0o755},
	{Path: "srv", Mode: fs.ModeDir | 0o755},
	{Path: "srv/www", Mode: fs.ModeDir | fs.ModeSetgid | 0o750, UID: 33, GID: 34, Xattrs: map[string]string{"user.note": "kept"}},
	{Path: "srv/www/index.html", Mode: 0o644, Body: []byte("base")},
	{Path: "loop", Symlink: "loop"},
}

func TestTheBaseKeepsItsDirectoriesAndLinks(t *testing.T) {
	base := pushed(t, usrMerged)
	image := merged(t, base, []images.Entry{
		{Path: "bin", Mode: fs.ModeDir | 0o700},
		{Path: "bin/app", Mode: 0o755, Body: []byte("app")},
		{Path: "bin/same", HardLink: "bin/app"},
		{Path: "var/run/app.pid", Mode: 0o644, Body: []byte("1")},
		{Path: "srv/www", Mode: fs.ModeDir | 0o755},
		{Path: "srv/www/new/page.html", Mode: 0o644, UID: 33, Body: []byte("new")},
		images.Remove("srv/www/index.html"),
		images.Remove("/bin/sh"),
	})
	files := extract(t, image)
	require.Equal(t, "usr/bin", files["bin"].Linkname)
	require.Contains(t, files, "usr/bin/app")
	require.Equal(t, "usr/bin/app", files["usr/bin/same"].Linkname)
	require.NotContains(t, files, "bin/app")
	require.NotContains(t, files, "usr/bin/sh")
	require.Contains(t, files, "run/app.pid")
	require.NotContains(t, files, "srv/www/index.html")
	require.EqualValues(t, 0o755, files["srv/www/new"].Mode)

	layers, err := image.Layers()
	require.NoError(t, err)
	for _, h := range read(t, layers[len(layers)-1]) {
		if h.Name == "srv/www/" {
			require.EqualValues(t, 0o2750, h.Mode, "a runtime that applies the layer alone sets what it names")
			require.Equal(t, []int{33, 34}, []int{h.Uid, h.Gid})
			require.Equal(t, "kept", h.PAXRecords["SCHILY.xattr.user.note"])
			return
		}
	}
	t.Fatal("the layer does not name /srv/www")
}

func TestWhatTheBaseForbidsIsNamed(t *testing.T) {
	base := pushed(t, usrMerged)
	for want, entry := range map[string]images.Entry{
		`adding "/srv/www": it is a directory in the base, and a file would hide all that is in it`: {Path: "srv/www", Body: []byte{}},
		`adding "/usr/bin/sh/x": "/usr/bin/sh" is a file in the base and not a directory`:           {Path: "usr/bin/sh/x", Body: []byte{}},
		`adding "/srv/.wh.gone": the base has no "/srv/gone" to delete: file does not exist`:        images.Remove("srv/gone"),
		`adding "/loop/x": "/loop" leads through too many symbolic links of the base`:               {Path: "loop/x", Body: []byte{}},
	} {
		_, err := images.Build(t.Context(), spec(base, []images.Entry{entry}))
		require.ErrorContains(t, err, want)
	}
	_, err := images.Build(t.Context(), spec(base, []images.Entry{{Path: "bin/x", Body: []byte{}}, {Path: "usr/bin/x", Body: []byte{}}}))
	require.ErrorContains(t, err, `another file of the layer goes to "/usr/bin/x" too`)
}

func TestLowerLayersDeletionsAreSeen(t *testing.T) {
	base := pushed(t, usrMerged,
		[]images.Entry{images.Remove("bin"), images.Remove("srv/www")},
		[]images.Entry{{Path: "bin", Mode: fs.ModeDir | 0o711}, {Path: "run/" + ".wh..wh..opq"}})
	files := extract(t, merged(t, base, []images.Entry{{Path: "bin/app", Mode: 0o755, Body: []byte("app")}, {Path: "srv/www", Mode: 0o644, Body: []byte("a file now")}}))
	require.Contains(t, files, "bin/app")
	require.EqualValues(t, 0o711, files["bin"].Mode)
	require.EqualValues(t, tar.TypeReg, files["srv/www"].Typeflag)
}

func TestALaterLayerKeepsWhatAnEarlierOneAdded(t *testing.T) {
	s := spec(images.Static(), []images.Entry{{Path: "app", Mode: fs.ModeDir | 0o700, UID: 7}})
	s.Platforms[0].Layers = append(s.Platforms[0].Layers, images.Layer{Entries: []images.Entry{{Path: "app/x", Mode: 0o644, Body: []byte("x")}}})
	artifact, err := images.Build(t.Context(), s)
	require.NoError(t, err)
	files := extract(t, artifact.(v1.Image))
	require.EqualValues(t, 0o700, files["app"].Mode)
	require.Equal(t, 7, files["app"].Uid)
}

// A base of Docker's media types stays one, with its own configuration and layers.
func TestTheBaseRunsAsWritten(t *testing.T) {
	reg := registrytest.Start(t)
	layer, err := images.NewLayer(usrMerged, time.Unix(5, 0))
	require.NoError(t, err)
	image, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(emptyImage(t), types.DockerConfigJSON), types.DockerManifestSchema2),
		mutate.Addendum{Layer: layer, MediaType: types.DockerLayer, History: v1.History{CreatedBy: "COPY all"}})
	require.NoError(t, err)
	image, err = mutate.Config(image, v1.Config{
		Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c", "true"}, Env: []string{"A=b"}, User: "33", WorkingDir: "/srv",
		Labels: map[string]string{"l": "v"}, Volumes: map[string]struct{}{"/srv/data": {}}, StopSignal: "SIGQUIT",
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "true"}},
	})
	require.NoError(t, err)
	image = mutate.Annotations(image, map[string]string{images.AnnotationRevision: "of the base"}).(v1.Image)
	tag := reg.Host + "/base:1"
	require.NoError(t, crane.Push(image, tag))
	ref, err := name.ParseReference(tag)
	require.NoError(t, err)
	base, err := images.Resolve(t.Context(), ref)
	require.NoError(t, err)

	built := merged(t, base, []images.Entry{{Path: "app", Mode: 0o644, Body: []byte("app")}})
	require.NoError(t, validate.Image(built))
	want, err := image.ConfigFile()
	require.NoError(t, err)
	got, err := built.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, want.Config, got.Config)
	require.Equal(t, want.RootFS.DiffIDs, got.RootFS.DiffIDs[:1])
	require.Len(t, got.History, 2)
	manifest, err := built.Manifest()
	require.NoError(t, err)
	require.Equal(t, types.DockerManifestSchema2, manifest.MediaType)
	require.Equal(t, types.DockerConfigJSON, manifest.Config.MediaType)
	require.Equal(t, types.DockerLayer, manifest.Layers[0].MediaType)
	require.Equal(t, types.DockerLayer, manifest.Layers[1].MediaType)
	digest, err := base.Digest()
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"org.opencontainers.image.base.digest": digest.String(),
		"org.opencontainers.image.base.name":   ref.Name(),
		"org.opencontainers.image.created":     "1970-01-01T00:00:00Z",
	}, manifest.Annotations, "and none of the base's")

	// Pushed beside the base, its layers are mounted and not uploaded again.
	repository, err := name.NewRepository(reg.Host + "/app")
	require.NoError(t, err)
	reg.Forget()
	_, err = images.Push(t.Context(), repository, built, nil)
	require.NoError(t, err)
	var uploads int
	for _, r := range reg.Requests() {
		if r.Method == "PUT" && r.Blob() {
			uploads++
		}
	}
	require.Equal(t, 2, uploads, "the new layer and the configuration: %v", reg.Requests())
}

func TestABaseOfAnotherPlatformIsNamed(t *testing.T) {
	base := pushed(t, usrMerged)
	s := spec(base, nil)
	s.Platforms[0].Architecture = "s390x"
	_, err := images.Build(t.Context(), s)
	require.ErrorContains(t, err, "it is built for linux/amd64 only")
}

func TestInputsOfFilesAreTheirContents(t *testing.T) {
	root := t.TempDir()
	write(t, root, "a", "1")
	entries := func() []images.Entry {
		found, err := images.Copy{Root: root, From: ".", To: "/app"}.Entries()
		require.NoError(t, err)
		return found
	}
	inputs := func(s images.Spec) images.Inputs {
		i, err := s.Inputs(context.Background())
		require.NoError(t, err)
		return i
	}
	base := spec(images.Static(), entries())
	first := inputs(base)
	require.NoError(t, os.Chtimes(filepath.Join(root, "a"), time.Unix(9, 0), time.Unix(9, 0)))
	require.Equal(t, first, inputs(base), "the time of a file is none")
	write(t, root, "a", "2")
	require.NotEqual(t, first, inputs(base))
	write(t, root, "a", "1")
	require.Equal(t, first, inputs(base))
	configured := base
	configured.Configure = func(c *v1.Config) { c.User = "5" }
	require.NotEqual(t, first, inputs(configured))
	write(t, root, "b", "")
	require.NotEqual(t, first, inputs(spec(images.Static(), entries())))
}

func spec(base images.Base, entries []images.Entry) images.Spec {
	return images.Spec{Base: base, Merge: true, Platforms: []images.Platform{{Platform: amd64, Layers: []images.Layer{{Entries: entries}}}}}
}

func merged(t *testing.T, base images.Base, entries []images.Entry) v1.Image {
	t.Helper()
	artifact, err := images.Build(t.Context(), spec(base, entries))
	require.NoError(t, err)
	return artifact.(v1.Image)
}

// pushed is a base in a registry, of one layer for each list of entries.
func pushed(t *testing.T, layers ...[]images.Entry) images.Base {
	t.Helper()
	reg := registrytest.Start(t)
	image := emptyImage(t)
	for _, entries := range layers {
		layer, err := images.NewLayer(entries, time.Unix(5, 0))
		require.NoError(t, err)
		image, err = mutate.AppendLayers(image, layer)
		require.NoError(t, err)
	}
	ref, err := name.ParseReference(reg.Host + "/base:1")
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, image))
	base, err := images.Resolve(t.Context(), ref)
	require.NoError(t, err)
	return base
}

// emptyImage is for linux/amd64 and holds nothing.
func emptyImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	require.NoError(t, err)
	return mutate.ConfigMediaType(image, types.OCIConfigJSON)
}

// extract flattens an image as a runtime would, and lists its files by path.
func extract(t *testing.T, image v1.Image) map[string]*tar.Header {
	t.Helper()
	var flat bytes.Buffer
	require.NoError(t, crane.Export(image, &flat))
	list := exec.Command("tar", "-t")
	list.Stdin = bytes.NewReader(flat.Bytes())
	out, err := list.CombinedOutput()
	require.NoErrorf(t, err, "GNU tar reads it: %s", out)
	files := map[string]*tar.Header{}
	for archive := tar.NewReader(&flat); ; {
		header, err := archive.Next()
		if err != nil {
			return files
		}
		files[filepath.Clean(header.Name)] = header
	}
}
