package images

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"sort"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Inputs is the hash of everything that an image is made from: files, base digest,
// configuration, toolchain, compressor. Equal inputs give an equal image.
type Inputs [sha256.Size]byte

// Tag is the tag under which an image is found by its inputs.
func (i Inputs) Tag() string { return "inputs-" + hex.EncodeToString(i[:]) }

// inputHash collects inputs. Every part is written with its length, so that no two
// different sequences of parts hash alike.
type inputHash struct{ hash.Hash }

func newInputHash(kind string) inputHash {
	h := inputHash{sha256.New()}
	h.add("sluice images 1", kind, Compressor)
	return h
}

func (h inputHash) add(parts ...string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(parts)))
	h.Write(length[:])
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
}

func (h inputHash) addMap(m map[string]string) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	h.add(keys...)
	for _, k := range keys {
		h.add(m[k])
	}
}

// Inputs hashes what the image is made from: the base's digest, and for every platform
// the entries of its layers with the contents of their files. It asks no registry.
func (s Spec) Inputs(ctx context.Context) (Inputs, error) {
	h := newInputHash("files")
	base, err := s.Base.Digest()
	if err != nil {
		return Inputs{}, fmt.Errorf("hashing the inputs of an image: %w", err)
	}
	var config v1.Config
	if s.Configure != nil {
		s.Configure(&config)
	}
	written, err := json.Marshal(config)
	if err != nil {
		return Inputs{}, fmt.Errorf("hashing the inputs of an image: %w", err)
	}
	h.add(base.String(), s.Base.Name(), string(written), wholeSeconds(s.Created).String(), strconv.FormatBool(s.Merge))
	h.addMap(s.Annotations)
	known := map[string]string{} // files that several platforms share
	for _, p := range s.sorted() {
		h.add(p.String(), strconv.Itoa(len(p.Layers)))
		for _, l := range p.Layers {
			if err := h.addEntries(ctx, l.Entries, known); err != nil {
				return Inputs{}, fmt.Errorf("hashing the inputs of an image: %w", err)
			}
			h.add(l.History)
		}
	}
	return h.sum(), nil
}

func (h inputHash) addEntries(ctx context.Context, entries []Entry, known map[string]string) error {
	arranged, err := arrange(entries)
	if err != nil {
		return err
	}
	var sources []string
	for _, e := range arranged {
		if _, ok := known[e.Source]; e.Source != "" && !ok {
			sources = append(sources, e.Source)
			known[e.Source] = ""
		}
	}
	hashes, err := hashFiles(ctx, sources)
	if err != nil {
		return err
	}
	for i, s := range sources {
		known[s] = hashes[i]
	}
	for _, e := range arranged {
		h.add(e.Path, e.Mode.String(), e.Symlink, e.HardLink, strconv.Itoa(e.UID), strconv.Itoa(e.GID), known[e.Source], string(e.Body))
		h.addMap(e.Xattrs)
	}
	return nil
}

func (h inputHash) sum() (i Inputs) {
	h.Sum(i[:0])
	return i
}
