package artifacts

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

func FuzzLibrariesAreAbsolutePathsOfTheText(f *testing.F) {
	f.Add("\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f50bf784000)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f50bfe41000)\n")
	f.Add("\tstatically linked\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, library := range librariesIn(text) {
			if !filepath.IsAbs(library) || !strings.Contains(text, library) {
				t.Errorf("%q is not an absolute path in %q", library, text)
			}
		}
	})
}

func FuzzEveryLineOfTheGoCommandIsCountedOnce(f *testing.F) {
	f.Add("go: downloading k8s.io/api v0.36.3\nk8s.io/api/core/v1\n# broken\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := progress.New(io.Discard)
		defer p.Close()
		said := follow(strings.NewReader(text), p.Start("binaries"))
		if lines := strings.Count(text, "\n") + 1; said.modules+said.packages+len(said.errors) > lines {
			t.Errorf("%d modules, %d packages and %d errors in %d lines", said.modules, said.packages, len(said.errors), lines)
		}
	})
}
