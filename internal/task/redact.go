package task

import (
	"bytes"
	"io"
	"net/url"
	"sort"
	"strings"
	"sync"
)

const redacted = "[redacted]"

// redactor knows the run's secrets and replaces them in what is written.
type redactor struct {
	mu      sync.Mutex
	secrets []string // longest first, so that no part of a longer one stays behind
}

func (r *redactor) add(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	forms := append(strings.Split(secret, "\n"), secret, url.QueryEscape(secret), url.PathEscape(secret))
	for _, s := range forms {
		if s = strings.TrimSpace(s); len(s) >= 4 {
			r.secrets = append(r.secrets, s)
		}
	}
	sort.SliceStable(r.secrets, func(i, j int) bool { return len(r.secrets[i]) > len(r.secrets[j]) })
}

func (r *redactor) clean(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, redacted)
	}
	return text
}

// held returns how many of the last bytes may be the beginning of a secret
// whose rest is still to be written.
func (r *redactor) held(p []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := 0
	for _, s := range r.secrets {
		for n := min(len(s)-1, len(p)); n > most; n-- {
			if bytes.HasSuffix(p, []byte(s[:n])) {
				most = n
			}
		}
	}
	return most
}

// redactingWriter replaces secrets in a stream, also those that arrive in
// several writes.
type redactingWriter struct {
	mu      sync.Mutex
	w       io.Writer
	secrets *redactor
	pending []byte
}

func (w *redactingWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data := append(w.pending, p...)
	text := []byte(w.secrets.clean(string(data)))
	n := len(text) - w.secrets.held(text)
	w.pending = append([]byte(nil), text[n:]...)
	if _, err := w.w.Write(text[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *redactingWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.w.Write(w.pending)
	w.pending = nil
}
