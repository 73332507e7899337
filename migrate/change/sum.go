package change

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SumFile is the name of the chained sum in a directory of changes.
const SumFile = "sluice.sum"

// RenderedFile is the name of the file that holds a change's plan as SQL, where its author had it written. The sum covers it like every
// file of the folder, and a plan that comes out differently is refused.
const RenderedFile = "plan.sql"

// Sum computes the text of the sum file: a line a folder, each line's hash covering the line before it and
// every file of the folder (YAML, SQL, rendered plan) by name, length and content. A folder that is changed, removed
// or slipped in between changes every line after it.
func Sum(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("summing changes: %w", err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && folderName.MatchString(e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	slices.SortFunc(folders, func(a, b string) int {
		return CompareVersions(folderName.FindStringSubmatch(a)[1], folderName.FindStringSubmatch(b)[1])
	})
	var out strings.Builder
	previous := ""
	for _, f := range folders {
		h, err := sumFolder(previous, dir, f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "%s %s\n", f, h)
		previous = h
	}
	return out.String(), nil
}

func sumFolder(previous, dir, folder string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", previous, folder)
	root := filepath.Join(dir, folder)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if !e.Type().IsRegular() {
			return fmt.Errorf("%q is not a regular file", path)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		fmt.Fprintf(h, "%d %s %d\n", len(name), filepath.ToSlash(name), len(data))
		h.Write(data)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("summing change %q: %w", folder, err)
	}
	return "h1:" + base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
}

// WriteSum writes the sum file of a directory.
func WriteSum(dir string) error {
	sum, err := Sum(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, SumFile), []byte(sum), 0o644); err != nil {
		return fmt.Errorf("writing sum: %w", err)
	}
	return nil
}

// compareSums names the first folder at which the chains part.
func compareSums(have, want string) error {
	h, w := strings.Fields(have), strings.Fields(want)
	for i := 0; i < len(w); i += 2 {
		switch {
		case i+1 >= len(h):
			return fmt.Errorf("%s does not know %q; add it with migrate-plan hash", SumFile, w[i])
		case h[i] != w[i]:
			return fmt.Errorf("%s expects %q where %q lies; changes are only ever added at the end", SumFile, h[i], w[i])
		case h[i+1] != w[i+1]:
			return fmt.Errorf("%q differs from %s; a change that has run must stay as it was: restore it, or for one that has not run use migrate-plan hash", w[i], SumFile)
		}
	}
	if len(h) > len(w) {
		return fmt.Errorf("%s expects %q, which is gone; restore it", SumFile, h[len(w)])
	}
	return nil
}

func total(sum string) string {
	f := strings.Fields(sum)
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

// SumOf is the line's hash of one folder in a sum file's text.
func SumOf(sum, folder string) string {
	f := strings.Fields(sum)
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] == folder {
			return f[i+1]
		}
	}
	return ""
}
