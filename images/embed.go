package images

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// embedReaches tells whether a go:embed line of the Go files may name a file in the
// hidden directory. A pattern reaches only below its own file's directory, and into a
// hidden one only by a wildcard, by all: or by its name.
func embedReaches(files []string, hidden string) (bool, error) {
	for _, name := range files {
		if filepath.Ext(name) != ".go" || !holds(filepath.Dir(name), hidden) {
			continue
		}
		source, err := os.ReadFile(name)
		if os.IsNotExist(err) { // a link that leads nowhere
			continue
		}
		if err != nil {
			return false, err
		}
		if embedsHidden(source) {
			return true, nil
		}
	}
	return false, nil
}

func embedsHidden(source []byte) bool {
	const directive = "//go:embed"
	if !bytes.Contains(source, []byte(directive)) {
		return false
	}
	for line := range bytes.Lines(source) {
		patterns, is := strings.CutPrefix(strings.TrimSpace(string(line)), directive)
		if !is {
			continue
		}
		if strings.ContainsAny(patterns, `*?[\`) || strings.Contains(patterns, "all:") {
			return true
		}
		for _, before := range []string{" .", "\t.", "/.", `".`, "`."} {
			if strings.Contains(patterns, before) {
				return true
			}
		}
	}
	return false
}
