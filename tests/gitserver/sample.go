package gitserver

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
)

// untested is what the branch "untested" adds to the sample service: a command that works and has no test.
//
//go:embed testdata/untested
var untested embed.FS

// Sample is the repository of the sample service.
type Sample struct {
	Main     plumbing.Hash // branch main, tag v1.0.0: well tested
	Untested plumbing.Hash // branch untested, on top of main: a command without tests, so coverage falls below 80 %
}

// BuildSample makes the bare repository of the sample service at path, from the folder tests/app.
func BuildSample(path, app string) (Sample, error) {
	dir, err := os.MkdirTemp("", "gitserver-*")
	if err != nil {
		return Sample{}, err
	}
	defer os.RemoveAll(dir)
	added, err := fs.Sub(untested, "testdata/untested")
	if err != nil {
		return Sample{}, err
	}
	overlay := filepath.Join(dir, "untested")
	if err := os.CopyFS(overlay, added); err != nil {
		return Sample{}, err
	}
	hashes, err := Build(path,
		Commit{Folders: []string{app}, Message: "Give long addresses short names", Tag: "v1.0.0"},
		Commit{Folders: []string{app, overlay}, Message: "Report the links that are visited most", Branch: "untested"},
	)
	if err != nil {
		return Sample{}, err
	}
	return Sample{Main: hashes[0], Untested: hashes[1]}, nil
}
