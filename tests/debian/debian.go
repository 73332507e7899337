// Package debian takes a Debian base image out of the machine that it runs on, for
// tests and benchmarks that can pull none.
package debian

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/images"
)

// Files are those of the required, important and standard packages of this machine,
// with their database.
func Files(ctx context.Context) ([]images.Entry, error) {
	query := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "dpkg-query", args...).Output()
		if err != nil {
			return "", fmt.Errorf("dpkg-query gives a Debian base to compare on; is this Debian or Ubuntu? %w", err)
		}
		return string(out), nil
	}
	list, err := query("-W", "-f", "${Priority} ${binary:Package} ${Package}\n")
	if err != nil {
		return nil, err
	}
	var packages []string
	chosen := map[string]bool{}
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		switch fields[0] {
		case "required", "important", "standard":
			packages = append(packages, fields[1])
			chosen[fields[2]] = true
		}
	}
	files, err := query(append([]string{"-L"}, packages...)...)
	if err != nil {
		return nil, err
	}
	status, err := os.ReadFile("/var/lib/dpkg/status")
	if err != nil {
		return nil, err
	}
	var kept []byte
	for paragraph := range bytes.SplitSeq(status, []byte("\n\n")) {
		name, _, _ := strings.Cut(strings.TrimPrefix(string(paragraph), "Package: "), "\n")
		if chosen[name] {
			kept = append(append(kept, paragraph...), "\n\n"...)
		}
	}
	base := map[string]images.Entry{"/var/lib/dpkg/status": {Path: "var/lib/dpkg/status", Mode: 0o644, Body: kept}}
	for _, p := range packages {
		for _, kind := range []string{"md5sums", "list", "conffiles"} {
			add(base, "/var/lib/dpkg/info/"+p+"."+kind)
		}
	}
	for path := range strings.Lines(files) {
		add(base, strings.TrimSpace(path))
	}
	var entries []images.Entry
	for _, e := range base {
		entries = append(entries, e)
	}
	return entries, nil
}

// add takes a file or link under the directory that it really lies in.
func add(base map[string]images.Entry, path string) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return
	}
	path = filepath.Join(dir, filepath.Base(path))
	info, err := os.Lstat(path)
	if err != nil {
		return
	}
	e := images.Entry{Path: path, Mode: info.Mode().Perm()}
	switch info.Mode().Type() {
	case 0:
		e.Source = path
	case fs.ModeSymlink:
		if e.Symlink, err = os.Readlink(path); err != nil {
			return
		}
	default:
		return
	}
	base[path] = e
}
