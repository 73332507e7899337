package main

import (
	"errors"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var errTooLarge = errors.New("the layers are larger than --max-size")

// budget is how many bytes may still be unpacked. It is safe for concurrent use.
type budget struct {
	mu         sync.Mutex
	left, used int64
}

func (b *budget) take(n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.used = b.left-n, b.used+n
	if b.left < 0 {
		return errTooLarge
	}
	return nil
}

func (b *budget) exceeded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left < 0
}

// limitedImage is an image with the layers from one on, which unpack all together to no more than the budget: a small
// blob can hold a very large layer.
type limitedImage struct {
	v1.Image
	from   int
	budget *budget
}

func (i limitedImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	if err != nil {
		return nil, err
	}
	var limited []v1.Layer
	for _, layer := range layers[i.from:] {
		limited = append(limited, limitedLayer{layer, i.budget})
	}
	return limited, nil
}

type limitedLayer struct {
	v1.Layer
	budget *budget
}

func (l limitedLayer) Uncompressed() (io.ReadCloser, error) {
	reader, err := l.Layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	return &limitedReader{reader, l.budget}, nil
}

type limitedReader struct {
	io.ReadCloser
	budget *budget
}

func (r *limitedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if over := r.budget.take(int64(n)); over != nil {
		return n, over
	}
	return n, err
}
