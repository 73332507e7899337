package images_test

import (
	"archive/tar"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

func TestALayerDoesNotDependOnTheOrderOfItsEntries(t *testing.T) {
	entries := []images.Entry{
		{Path: "/b", Mode: 0o644, Body: []byte("b")},
		{Path: "a", Mode: fs.ModeDir | 0o755},
		{Path: "a/link", Symlink: "../b"},
		{Path: "a/hard", HardLink: "/b"},
		{Path: "0-hard", HardLink: "b"},
		{Path: "ünïcode/" + strings.Repeat("long/", 60) + "名前", Mode: fs.ModeSetuid | 0o755, Body: []byte{}},
		{Path: "capable", Mode: 0o755, Body: []byte("c"), Xattrs: map[string]string{"security.capability": "\x01\x00\x00\x02", "user.b": "2", "user.a": "1"}},
	}
	layer, err := images.NewLayer(entries, time.Unix(7, 5))
	require.NoError(t, err)
	require.NoError(t, validate.Layer(layer))
	want, err := layer.Digest()
	require.NoError(t, err)
	for range 10 {
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		layer, err := images.NewLayer(entries, time.Unix(7, 0))
		require.NoError(t, err)
		got, err := layer.Digest()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	byName := map[string]*tar.Header{}
	var names []string
	for _, h := range read(t, layer) {
		byName[h.Name] = h
		names = append(names, h.Name)
	}
	require.Equal(t, []string{"0-hard", "a/hard"}, names[len(names)-2:], "hard links follow what they point to")
	require.Equal(t, "../b", byName["a/link"].Linkname)
	require.Equal(t, "b", byName["a/hard"].Linkname)
	require.EqualValues(t, 0o4755, byName["ünïcode/"+strings.Repeat("long/", 60)+"名前"].Mode)
	require.Equal(t, "\x01\x00\x00\x02", byName["capable"].PAXRecords["SCHILY.xattr.security.capability"])
	require.True(t, byName["capable"].AccessTime.IsZero())
}

func TestContradictingEntriesAreRefused(t *testing.T) {
	for want, entries := range map[string][]images.Entry{
		`laying out "/a": two entries have this path`:                                              {{Path: "a", Body: []byte{}}, {Path: "/a", Mode: fs.ModeDir}},
		`laying out "/": a layer cannot hold the root directory`:                                   {{Path: "/", Mode: fs.ModeDir}},
		`laying out "/a": its hard link's target "/b" is not in the layer`:                         {{Path: "a", HardLink: "b"}},
		`laying out "/a": an entry is one of directory, symbolic link, hard link or file`:          {{Path: "a", Symlink: "b", Mode: fs.ModeDir}},
		`laying out "/a": a layer cannot hold a file of type p---------`:                           {{Path: "a", Mode: fs.ModeNamedPipe}},
		`laying out "/etc/passwd": an entry is one of directory, symbolic link, hard link or file`: {{Path: "../../etc/passwd", Symlink: "x", HardLink: "y"}},
	} {
		_, err := images.NewLayer(entries, time.Time{})
		require.EqualError(t, err, want)
	}
}

func TestAFileThatVanishedIsNamed(t *testing.T) {
	layer, err := images.NewLayer([]images.Entry{{Path: "a", Source: filepath.Join(t.TempDir(), "gone")}}, time.Time{})
	require.NoError(t, err)
	_, err = layer.Digest()
	require.ErrorContains(t, err, `archiving "/a": open`)
}

// A sparse file costs no disk, but is read in full, twice.
func TestMemoryDoesNotGrowWithTheImage(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(big, nil, 0o644))
	require.NoError(t, os.Truncate(big, 1<<29))

	reg := registrytest.Start(t)
	repository, err := name.NewRepository(reg.Host + "/team/big")
	require.NoError(t, err)
	peak := watchHeap(t)
	artifact, err := images.Build(t.Context(), images.Spec{
		Base: images.Static(),
		Platforms: []images.Platform{{
			Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
			Layers:   []images.Layer{{Entries: []images.Entry{{Path: "big", Mode: 0o644, Source: big}}}},
		}},
	})
	require.NoError(t, err)
	_, err = images.Push(t.Context(), repository, artifact, nil)
	require.NoError(t, err)
	require.Less(t, peak(), uint64(48<<20), "bytes of heap, with the registry's own")
}

// watchHeap returns a function that stops watching and tells by how much the heap grew.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	start := inUse()
	var peak atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), inUse()))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-stopped
		return peak.Load() - min(start, peak.Load())
	}
}

func TestAKeptLayerIsTheSameWhateverHappensToItsFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app")
	require.NoError(t, os.WriteFile(file, []byte("as it was compiled"), 0o755))
	build := func(scratch string) v1.Image {
		artifact, err := images.Build(t.Context(), images.Spec{Base: images.Static(), Scratch: scratch, Platforms: []images.Platform{{
			Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
			Layers:   []images.Layer{{Entries: []images.Entry{{Path: "app", Mode: 0o755, Source: file}}}},
		}}})
		require.NoError(t, err)
		return artifact.(v1.Image)
	}
	kept, again := build(t.TempDir()), build("")
	require.NoError(t, validate.Image(again))
	want, err := again.Digest()
	require.NoError(t, err)
	got, err := kept.Digest()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, os.Remove(file))
	layers, err := kept.Layers()
	require.NoError(t, err)
	blob, err := layers[len(layers)-1].Compressed()
	require.NoError(t, err)
	defer blob.Close()
	sum, _, err := v1.SHA256(blob)
	require.NoError(t, err)
	digest, err := layers[len(layers)-1].Digest()
	require.NoError(t, err)
	require.Equal(t, digest, sum)
}
