package images

import (
	"bytes"
	"io"
	"sync"
)

// narrator passes on what several go commands tell people, line by line and each line
// once: compiling for two platforms, they say the same.
type narrator struct {
	mu   sync.Mutex
	w    io.Writer
	seen map[string]bool
}

func narrate(w io.Writer) *narrator { return &narrator{w: w, seen: map[string]bool{}} }

// Write takes one whole line.
func (n *narrator) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[string(line)] {
		return len(line), nil
	}
	n.seen[string(line)] = true
	return n.w.Write(line)
}

// lines cuts what one command writes into whole lines.
type lines struct {
	w    io.Writer
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		if _, err := l.w.Write(l.rest[:end+1]); err != nil {
			return 0, err
		}
		l.rest = l.rest[end+1:]
	}
}
