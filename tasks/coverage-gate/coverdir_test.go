package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// coverDir puts the GOCOVERDIR of a real program in place of the profile, and damages its files of one kind.
func coverDir(kind string, damage func(t *testing.T, file string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		directory("reports/cover.out")(t, dir)
		source, data := filepath.Join(dir, "source"), filepath.Join(dir, "reports/cover.out")
		require.NoError(t, os.Mkdir(filepath.Join(source, "shop"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(source, "shop/main.go"), []byte("package main\n\nimport \"example.com/shop\"\n\nfunc main() { shop.A() }\n"), 0o644))
		for _, args := range [][]string{{"go", "build", "-cover", "-coverpkg=./...", "-o", filepath.Join(dir, "program"), "./shop"}, {filepath.Join(dir, "program")}} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir = source
			cmd.Env = append(os.Environ(), "GOCOVERDIR="+data, "GOWORK=off", "GOFLAGS=-buildvcs=false")
			out, err := cmd.CombinedOutput()
			require.NoErrorf(t, err, "%s\n%s", args, out)
		}
		files, err := filepath.Glob(filepath.Join(data, kind+".*"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		damage(t, files[0])
	}
}

func deleted(t *testing.T, file string) { require.NoError(t, os.Remove(file)) }

func cutInHalf(t *testing.T, file string) {
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, info.Size()/2))
}

func overwritten(t *testing.T, file string) {
	require.NoError(t, os.WriteFile(file, make([]byte, 500), 0o644))
}

func TestAWholeCoverDirIsMeasured(t *testing.T) {
	whole := coverDir("covmeta", func(*testing.T, string) {})
	code, stderr, _ := badInput{prepare: whole, args: []string{"--minimum=50"}}.run(t)
	require.Zero(t, code, stderr)
}
