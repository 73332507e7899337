package coverage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxBinary bounds one covmeta or covcounters file, which are read whole; that of a program of a million statements has
// some ten megabytes.
const maxBinary = 128 << 20

// readCoverDir reads a GOCOVERDIR: the covmeta files of instrumented programs, and the covcounters that each run of them
// left. Statements of a program of which no counters are there count as uncovered.
func (s *Set) readCoverDir(ctx context.Context, parent *os.Root, name string) (digest string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading profile %q: %w", name, err)
		}
	}()
	dir, err := parent.OpenRoot(name)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	metas, counted := 0, 0
	for _, e := range entries {
		program, ok := strings.CutPrefix(e.Name(), "covmeta.")
		if !ok {
			continue
		}
		metas++
		n, err := s.readProgram(ctx, sum, dir, e.Name(), countersOf(entries, program))
		if err != nil {
			return "", err
		}
		counted += n
	}
	switch {
	case metas == 0:
		return "", errors.New("a directory without covmeta files: was the program built with -cover, and run with GOCOVERDIR set?")
	case counted == 0:
		return "", errors.New("no covcounters file in it: the programs were killed before they wrote their counters, which they do when main returns or calls os.Exit")
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func countersOf(entries []os.DirEntry, program string) (names []string) {
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "covcounters."+program+".") {
			names = append(names, e.Name())
		}
	}
	return names
}

func (s *Set) readProgram(ctx context.Context, sum hash.Hash, dir *os.Root, meta string, counterFiles []string) (counted int, err error) {
	data, err := readBinary(ctx, sum, dir, meta)
	var m *coverMeta
	if err == nil {
		m, err = parseCoverMeta(data)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", meta, err)
	}
	counters := coverCounters{}
	for _, name := range counterFiles {
		data, err := readBinary(ctx, sum, dir, name)
		if err == nil {
			err = counters.add(data, m.hash)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := s.addProgram(m, counters); err != nil {
		return 0, fmt.Errorf("%s: %w", meta, err)
	}
	return len(counterFiles), nil
}

// readBinary reads a file whole and adds it to the digest of the profile.
func readBinary(ctx context.Context, sum hash.Hash, dir *os.Root, name string) ([]byte, error) {
	f, err := OpenRegular(dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(&cancelled{ctx, f}, maxBinary+1))
	if err == nil && len(data) > maxBinary {
		err = fmt.Errorf("larger than %d bytes", maxBinary)
	}
	sum.Write(data)
	return data, err
}

// addProgram adds every block of a program, in one pass.
func (s *Set) addProgram(m *coverMeta, counters coverCounters) error {
	if err := s.begin("Go", Statements); err != nil {
		return err
	}
	for p, pkg := range m.packages {
		for f, fn := range pkg {
			counts := counters[coverFunc{uint32(p), uint32(f)}]
			if counts != nil && len(counts) < len(fn.units) {
				return fmt.Errorf("function %d of package %d has %d blocks and %d counters", f, p, len(fn.units), len(counts))
			}
			file := s.file([]byte(fn.file))
			for i, unit := range fn.units {
				state := Uncovered
				if counts != nil && counts[i] {
					state = Covered
				}
				if err := file.add(&unit, state, s.pass); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
