package images

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// Compressor names what compresses layers. Other versions of it may give other
// bytes for the same files, so it is part of every input hash, and provenance records it.
// It is pinned in go.mod, unlike the standard library's, which changes with the toolchain.
const Compressor = "github.com/klauspost/compress/gzip v1.20.3 level 1"

// layer archives and compresses its entries when it is read, so that its memory does
// not grow with its files: once for its digest, and again when it is uploaded, unless
// there is a scratch directory to keep what was compressed.
type layer struct {
	entries   []Entry
	modified  time.Time
	mediaType types.MediaType
	scratch   string
	kept      string // file in scratch, once measured
	measure   func() (measured, error)
}

type measured struct {
	digest, diffID v1.Hash
	size           int64
}

var _ v1.Layer = (*layer)(nil)

// NewLayer returns an OCI layer that holds entries, sorted, all modified at one time.
// The same entries give the same bytes, whatever their order, the machine and the
// clock. Parent directories are not added: see [Parents].
//
// It fails on entries that contradict each other; files are opened only when the layer is read.
func NewLayer(entries []Entry, modified time.Time) (v1.Layer, error) {
	return newLayer(entries, modified, types.OCILayer, "")
}

func newLayer(entries []Entry, modified time.Time, mediaType types.MediaType, scratch string) (*layer, error) {
	arranged, err := arrange(entries)
	if err != nil {
		return nil, err
	}
	l := &layer{entries: arranged, modified: modified.UTC().Truncate(time.Second), mediaType: mediaType, scratch: scratch}
	l.measure = sync.OnceValues(l.read)
	return l, nil
}

func (l *layer) MediaType() (types.MediaType, error) { return l.mediaType, nil }

func (l *layer) Digest() (v1.Hash, error) {
	m, err := l.measure()
	return m.digest, err
}

func (l *layer) DiffID() (v1.Hash, error) {
	m, err := l.measure()
	return m.diffID, err
}

func (l *layer) Size() (int64, error) {
	m, err := l.measure()
	return m.size, err
}

func (l *layer) Uncompressed() (io.ReadCloser, error) {
	return pipe(func(w io.Writer) error { return writeTar(w, l.entries, l.modified) }), nil
}

func (l *layer) Compressed() (io.ReadCloser, error) {
	if _, err := l.measure(); err != nil {
		return nil, err
	}
	if l.kept != "" {
		return os.Open(l.kept)
	}
	return pipe(func(w io.Writer) error { return l.compress(w, io.Discard) }), nil
}

// compress writes the compressed archive to w and the bare one to plain.
func (l *layer) compress(w, plain io.Writer) error {
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	// tar writes in small pieces; hashing and compressing are faster in large ones.
	buffered := bufio.NewWriterSize(io.MultiWriter(plain, gz), 1<<16)
	if err := writeTar(buffered, l.entries, l.modified); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return gz.Close()
}

func (l *layer) read() (measured, error) {
	compressed, plain := &counter{Hash: sha256.New()}, sha256.New()
	var out io.Writer = compressed
	if l.scratch != "" {
		file, err := os.CreateTemp(l.scratch, "layer-")
		if err != nil {
			return measured{}, err
		}
		defer file.Close()
		l.kept, out = file.Name(), io.MultiWriter(compressed, file)
	}
	if err := l.compress(out, plain); err != nil {
		return measured{}, err
	}
	return measured{digest: sum(compressed), diffID: sum(plain), size: compressed.n}, nil
}

type counter struct {
	hash.Hash
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.Hash.Write(p)
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// pipe turns a function that writes into a reader. Closing the reader early ends the function.
func pipe(write func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	return r
}
