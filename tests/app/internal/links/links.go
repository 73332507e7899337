// Package links keeps short names for long addresses, in memory and, where a journal is given, in a file that is
// replayed at the next start. A name is given once: it never changes its address while it exists.
package links

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// What the store refuses.
var (
	ErrNotFound = errors.New("no such link")
	ErrTaken    = errors.New("slug is taken by another address")
	ErrInvalid  = errors.New("invalid link")
)

// Link is one short name.
type Link struct {
	Slug    string    `json:"slug"`
	URL     string    `json:"url"`
	Created time.Time `json:"created"`
	Visits  int64     `json:"visits"`
}

// Store is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	links   map[string]*Link
	journal *journal
	now     func() time.Time
}

// Add names the address. With an empty slug the name is derived from the address, so adding it twice gives one link.
func (s *Store) Add(slug, address string) (Link, error) {
	if err := checkAddress(address); err != nil {
		return Link{}, err
	}
	if slug == "" {
		slug = derive(address)
	}
	if err := checkSlug(slug); err != nil {
		return Link{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.links[slug]; ok {
		if known.URL != address {
			return Link{}, fmt.Errorf("%w: %q", ErrTaken, slug)
		}
		return *known, nil
	}
	link := Link{Slug: slug, URL: address, Created: s.now().UTC().Truncate(time.Second)}
	if err := s.journal.write(entry{Add: &link}); err != nil {
		return Link{}, err
	}
	s.links[slug] = &link
	return link, nil
}

// Visit returns the link and counts the visit.
func (s *Store) Visit(slug string) (Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	link, ok := s.links[slug]
	if !ok {
		return Link{}, fmt.Errorf("%w: %q", ErrNotFound, slug)
	}
	link.Visits++
	return *link, nil
}

// Get returns the link without counting a visit.
func (s *Store) Get(slug string) (Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	link, ok := s.links[slug]
	if !ok {
		return Link{}, fmt.Errorf("%w: %q", ErrNotFound, slug)
	}
	return *link, nil
}

// Remove forgets the link.
func (s *Store) Remove(slug string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.links[slug]; !ok {
		return fmt.Errorf("%w: %q", ErrNotFound, slug)
	}
	if err := s.journal.write(entry{Remove: slug}); err != nil {
		return err
	}
	delete(s.links, slug)
	return nil
}

// Len is the number of links.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links)
}

// Close ends the journal; the store refuses changes after it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

var slugPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$`)

// reserved are the paths that the service itself answers.
var reserved = map[string]bool{"api": true, "metrics": true, "healthz": true, "readyz": true}

func checkSlug(slug string) error {
	if !slugPattern.MatchString(slug) {
		return fmt.Errorf("%w: slug %q is not 1 to 64 letters, digits, _ or -", ErrInvalid, slug)
	}
	if reserved[slug] {
		return fmt.Errorf("%w: slug %q is reserved", ErrInvalid, slug)
	}
	return nil
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return fmt.Errorf("%w: %q is not an http or https address", ErrInvalid, address)
	}
	return nil
}

func derive(address string) string {
	sum := sha256.Sum256([]byte(address))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))
}
