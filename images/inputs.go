package images

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"sort"
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

func (h inputHash) sum() (i Inputs) {
	h.Sum(i[:0])
	return i
}
