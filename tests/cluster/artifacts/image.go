package artifacts

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Repository is the host part under which the node knows the images that it was given; nothing serves it.
const Repository = "node.sluice.internal"

// tektonPrograms are Tekton's commands; the image of each is Image(name).
var tektonPrograms = []string{"controller", "entrypoint", "events", "nop", "resolvers", "sidecarlogresults", "webhook", "workingdirinit"}

// Image is the reference of one of the images in the archive.
func Image(program string) string { return Repository + "/" + program + ":local" }

func images() []string { return append([]string{"pause", "shell"}, tektonPrograms...) }

// WriteArchive writes the images into one file in the format of `docker save`, which containerd imports. Layers are not compressed: they
// never leave this machine.
func (s Set) WriteArchive(file string) error {
	layers, err := os.MkdirTemp(filepath.Dir(file), "layers-")
	if err != nil {
		return fmt.Errorf("making a folder for layers: %w", err)
	}
	defer os.RemoveAll(layers)
	all := map[name.Tag]v1.Image{}
	for _, program := range images() {
		tag, err := name.NewTag(Image(program))
		if err != nil {
			return fmt.Errorf("naming the image of %q: %w", program, err)
		}
		image, err := assemble(s.Programs, layers, program)
		if err != nil {
			return fmt.Errorf("assembling the image of %q: %w", program, err)
		}
		all[tag] = image
	}
	if err := tarball.MultiWriteToFile(file, all); err != nil {
		return fmt.Errorf("writing the images to %q: %w", file, err)
	}
	return nil
}

// assemble makes the image of one program; its layer stays a file in the folder layers.
func assemble(dir, layers, program string) (v1.Image, error) {
	files, command, err := contents(dir, program)
	if err != nil {
		return nil, err
	}
	layer, err := writeLayer(filepath.Join(layers, program), append(base(), files...))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: runtime.GOARCH, OS: "linux",
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{layer.hash}},
		Config: v1.Config{Entrypoint: []string{command}, User: "65532", Env: []string{"PATH=/ko-app:/bin", "HOME=/tmp"}},
	})
}

// contents are the files of an image beside its base, and the command that it runs.
func contents(dir, program string) (files []entry, command string, err error) {
	if program == "shell" {
		busybox, err := findBusybox()
		if err != nil {
			return nil, "", err
		}
		files = []entry{{path: "bin/busybox", from: busybox}}
		for _, applet := range applets {
			files = append(files, entry{path: "bin/" + applet, link: "busybox"})
		}
		return files, "/bin/sh", nil
	}
	if program == "resolvers" {
		if files, err = gitFiles(); err != nil {
			return nil, "", err
		}
	}
	command = "/ko-app/" + program
	return append(files, entry{path: inImage(command), from: filepath.Join(dir, program)}), command, nil
}

// entry is a file of a layer: a copy, a text, a link, or where all are empty a folder.
type entry struct {
	path, from, text, link string
	mode                   int64
}

// base is what every image holds beside its program.
func base() []entry {
	return []entry{
		{path: "etc/passwd", text: "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n", mode: 0o644},
		{path: "etc/group", text: "root:x:0:\nnonroot:x:65532:\n", mode: 0o644},
		{path: "tmp/", mode: 0o1777},
	}
}

// fileLayer is an uncompressed layer in a file: its digest and its diff ID are the same.
type fileLayer struct {
	path string
	hash v1.Hash
	size int64
}

var _ v1.Layer = fileLayer{}

func (l fileLayer) Digest() (v1.Hash, error)             { return l.hash, nil }
func (l fileLayer) DiffID() (v1.Hash, error)             { return l.hash, nil }
func (l fileLayer) Compressed() (io.ReadCloser, error)   { return os.Open(l.path) }
func (l fileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }
func (l fileLayer) Size() (int64, error)                 { return l.size, nil }
func (l fileLayer) MediaType() (types.MediaType, error)  { return types.DockerUncompressedLayer, nil }

func writeLayer(path string, entries []entry) (layer fileLayer, err error) {
	file, err := os.Create(path)
	if err != nil {
		return layer, err
	}
	defer file.Close()
	sum := sha256.New()
	w := tar.NewWriter(io.MultiWriter(file, sum))
	for _, e := range entries {
		if err := e.write(w); err != nil {
			return layer, fmt.Errorf("adding %q: %w", e.path, err)
		}
	}
	if err := w.Close(); err != nil {
		return layer, err
	}
	info, err := file.Stat()
	if err != nil {
		return layer, err
	}
	hash := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	return fileLayer{path: path, hash: hash, size: info.Size()}, nil
}

func (e entry) write(w *tar.Writer) error {
	header := &tar.Header{Name: e.path, Mode: e.mode, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Size: int64(len(e.text))}
	var content io.Reader = bytes.NewReader([]byte(e.text))
	switch {
	case e.link != "":
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.link, 0o777
	case e.from != "":
		file, err := os.Open(e.from)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Size, header.Mode, content = info.Size(), 0o755, file
	case e.text == "":
		header.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(w, content)
	return err
}
