package images_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/images"
)

func TestFilesAreCopiedAsTheyAre(t *testing.T) {
	root := t.TempDir()
	for file, content := range map[string]string{"dist/a": "a", "dist/b/c.log": "c", "dist/b/d": "d", "dist/größe/名前": "u", "secret/key": "k", "dist/.git/HEAD": "ref", ".dockerignore": "**/*.log"} {
		write(t, root, file, content)
	}
	require.NoError(t, os.Chmod(filepath.Join(root, "dist/a"), 0o700))
	require.NoError(t, os.Symlink("../secret/key", filepath.Join(root, "dist/link")))
	require.NoError(t, os.Link(filepath.Join(root, "dist/a"), filepath.Join(root, "dist/same")))
	require.NoError(t, os.Symlink(t.TempDir(), filepath.Join(root, "out")))
	ignore, err := images.ParseIgnore(strings.NewReader("**/*.log"))
	require.NoError(t, err)

	entries, err := images.Copy{Root: root, From: "dist", To: "/srv", Ignore: ignore, UID: 5, GID: 6}.Entries()
	require.NoError(t, err)
	got := map[string]string{}
	for _, e := range entries {
		require.Equal(t, []int{5, 6}, []int{e.UID, e.GID})
		got[e.Path] = e.Mode.String() + " " + e.Symlink + e.HardLink
	}
	require.Equal(t, map[string]string{
		"srv": "drwxr-xr-x ", "srv/a": "-rwxr-xr-x ", "srv/same": "-rw-r--r-- srv/a", "srv/b": "drwxr-xr-x ",
		"srv/b/d": "-rw-r--r-- ", "srv/größe": "drwxr-xr-x ", "srv/größe/名前": "-rw-r--r-- ", "srv/link": "-rwxrwxrwx ../secret/key",
	}, withoutModeOfLinks(got))

	one, err := images.Copy{Root: root, From: "dist/a", To: "/opt/", KeepModes: true}.Entries()
	require.NoError(t, err)
	require.Equal(t, []images.Entry{{Path: "opt/a", Mode: 0o700, Source: filepath.Join(root, "dist/a")}}, one)

	for from, want := range map[string]string{
		"../x":    `copying "../x": it leads out of the source`,
		"/etc":    `copying "/etc": it leads out of the source`,
		"out/x":   `copying "out/x": a symbolic link on its path leads out of the source`,
		"missing": `copying "missing": lstat`,
	} {
		_, err := images.Copy{Root: root, From: from, To: "/x"}.Entries()
		require.ErrorContains(t, err, want)
	}

	write(t, root, "bad/.wh.passwd", "")
	_, err = images.Copy{Root: root, From: "bad", To: "/etc"}.Entries()
	require.ErrorContains(t, err, `"bad/.wh.passwd" would delete a file of the base`)
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "bad/pipe"), 0o644))
	require.NoError(t, os.Remove(filepath.Join(root, "bad/.wh.passwd")))
	_, err = images.Copy{Root: root, From: "bad", To: "/etc"}.Entries()
	require.ErrorContains(t, err, `"bad/pipe" is neither file, directory nor link`)
}

// withoutModeOfLinks drops what means nothing: the mode of a hard link is its file's.
func withoutModeOfLinks(entries map[string]string) map[string]string {
	entries["srv/same"] = "-rw-r--r-- " + entries["srv/same"][len("-rw-r--r-- "):]
	return entries
}

func TestAnExceptionBringsBackWhatLiesBelowAnIgnoredDirectory(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"docs/README.md", "docs/internal/notes.md", "app"} {
		write(t, root, name, name)
	}
	ignore, err := images.ParseIgnore(strings.NewReader("docs\n!docs/README.md\n"))
	require.NoError(t, err)
	entries, err := images.Copy{Root: root, From: ".", To: "/", Ignore: ignore}.Entries()
	require.NoError(t, err)
	files := extract(t, merged(t, images.Static(), entries))
	require.Contains(t, files, "app")
	require.Contains(t, files, "docs/README.md")
	require.EqualValues(t, 0o755, files["docs"].Mode)
	require.NotContains(t, files, "docs/internal")
}

func TestExtendedAttributesAreKeptOnRequest(t *testing.T) {
	root := t.TempDir()
	write(t, root, "app", "app")
	file := filepath.Join(root, "app")
	require.NoError(t, unix.Setxattr(file, "user.note", []byte("kept"), 0), "the file system of the temporary directory has extended attributes")
	for keep, want := range map[bool]map[string]string{true: {"user.note": "kept"}, false: nil} {
		entries, err := images.Copy{Root: root, From: "app", To: "/app", KeepXattrs: keep}.Entries()
		require.NoError(t, err)
		require.Equal(t, []images.Entry{{Path: "app", Mode: 0o644, Source: file, Xattrs: want}}, entries)
	}
}

func TestOwnModesAreKeptOnRequest(t *testing.T) {
	root := t.TempDir()
	write(t, root, "dir/app", "app")
	require.NoError(t, os.Chmod(filepath.Join(root, "dir/app"), os.ModeSetuid|0o510))
	require.NoError(t, os.Chmod(filepath.Join(root, "dir"), os.ModeSticky|0o700))
	entries, err := images.Copy{Root: root, From: ".", To: "/", KeepModes: true}.Entries()
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|os.ModeSticky|0o700, entries[0].Mode)
	require.Equal(t, os.ModeSetuid|0o510, entries[1].Mode)
}
