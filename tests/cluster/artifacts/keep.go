package artifacts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"time"
)

// keep finds the folder cache/name-key, or makes it with build. A build that fails or is ended leaves nothing that could be taken for whole.
func keep(cache, name, key string, build func(dir string) error) (string, error) {
	kept := filepath.Join(cache, name+"-"+key)
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("making the cache folder %q: %w", cache, err)
	}
	dropAbandoned(cache)
	work, err := os.MkdirTemp(cache, building)
	if err != nil {
		return "", fmt.Errorf("making a folder to build in: %w", err)
	}
	defer os.RemoveAll(work)
	if err := build(work); err != nil {
		return "", err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return "", fmt.Errorf("keeping what was built: %w", err)
	}
	if err := os.Rename(work, kept); err != nil {
		return "", fmt.Errorf("keeping what was built: %w", err)
	}
	return kept, dropOlder(cache, name)
}

const building = "building-"

// dropAbandoned removes what builds left that were killed; one that is a day old is not under way.
func dropAbandoned(cache string) {
	abandoned, _ := filepath.Glob(filepath.Join(cache, building+"*"))
	for _, dir := range abandoned {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

// dropOlder keeps the two newest folders, so that going back and forth between two branches is fast and the disk does not fill.
func dropOlder(cache, name string) error {
	kept, err := filepath.Glob(filepath.Join(cache, name+"-*"))
	if err != nil {
		return err
	}
	made := map[string]int64{}
	for _, dir := range kept {
		if info, err := os.Stat(dir); err == nil {
			made[dir] = info.ModTime().UnixNano()
		}
	}
	sort.Slice(kept, func(i, j int) bool { return made[kept[i]] > made[kept[j]] })
	for _, dir := range kept[min(2, len(kept)):] {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("dropping what was built before: %w", err)
		}
	}
	return nil
}

// hash names a state of the sources: files of the module, or folders of Go files, with the toolchain and what else counts.
func hash(module, also string, sources ...string) (string, error) {
	var files []string
	for _, source := range sources {
		err := filepath.WalkDir(filepath.Join(module, source), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasSuffix(path, "_test.go") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("listing the sources of the cluster: %w", err)
		}
	}
	sort.Strings(files)
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, also)
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("hashing the sources of the cluster: %w", err)
		}
		fmt.Fprintln(sum, filepath.Base(path))
		_, err = io.Copy(sum, file)
		file.Close()
		if err != nil {
			return "", fmt.Errorf("hashing %q: %w", path, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}
