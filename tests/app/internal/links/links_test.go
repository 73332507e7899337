package links

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	store, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func TestAddRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		slug, address string
		want          error
	}{
		"no scheme":       {"a", "go.dev", ErrInvalid},
		"other scheme":    {"a", "javascript:alert(1)", ErrInvalid},
		"malformed":       {"a", "https://a b", ErrInvalid},
		"slug with slash": {"a/b", "https://go.dev", ErrInvalid},
		"reserved slug":   {"metrics", "https://go.dev", ErrInvalid},
		"taken slug":      {"taken", "https://go.dev", ErrTaken},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, "")
			if _, err := store.Add("taken", "https://pkg.go.dev"); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Add(test.slug, test.address); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if store.Len() != 1 {
				t.Errorf("%d links, want 1", store.Len())
			}
		})
	}
}

func TestAddingOneAddressTwiceGivesOneLink(t *testing.T) {
	store := open(t, "")
	first, err := store.Add("", "https://go.dev")
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.Add("", "https://go.dev")
	if err != nil {
		t.Fatal(err)
	}
	if first != second || len(first.Slug) != 8 {
		t.Errorf("got %v then %v", first, second)
	}
}

func TestVisitsAreCountedAndGetsAreNot(t *testing.T) {
	store := open(t, "")
	if _, err := store.Add("go", "https://go.dev"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := store.Visit("go"); err != nil {
			t.Fatal(err)
		}
	}
	link, err := store.Get("go")
	if err != nil || link.Visits != 3 {
		t.Errorf("got %v, %v; want 3 visits", link, err)
	}
	for _, ask := range []func(string) (Link, error){store.Visit, store.Get} {
		if _, err := ask("none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
	if err := store.Remove("none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestJournalKeepsAddsAndRemoves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.jsonl")
	store := open(t, path)
	for _, slug := range []string{"a", "b"} {
		if _, err := store.Add(slug, "https://go.dev/"+slug); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Remove("a"); err != nil {
		t.Fatal(err)
	}
	store.Close()
	if _, err := store.Add("c", "https://go.dev/c"); err == nil {
		t.Error("a closed store took a link that its journal lost")
	}
	if err := store.Remove("b"); err == nil {
		t.Error("a closed store forgot a link that its journal keeps")
	}

	again := open(t, path)
	if _, err := again.Get("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed link: got %v, want ErrNotFound", err)
	}
	if link, err := again.Get("b"); err != nil || link.URL != "https://go.dev/b" {
		t.Errorf("kept link: got %v, %v", link, err)
	}
}

func TestJournalDropsALineThatACrashCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.jsonl")
	whole := `{"add":{"slug":"a","url":"https://go.dev","created":"2026-01-01T00:00:00Z","visits":0}}` + "\n"
	if err := os.WriteFile(path, []byte(whole+`{"add":{"slug":"b",`), 0o600); err != nil {
		t.Fatal(err)
	}
	store := open(t, path)
	if _, err := store.Add("c", "https://go.dev/c"); err != nil {
		t.Fatal(err)
	}
	store.Close()
	if got := open(t, path).Len(); got != 2 {
		t.Errorf("%d links after the crash, want a and c", got)
	}
}

func TestJournalRefusesDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.jsonl")
	if err := os.WriteFile(path, []byte("not json\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a damaged journal was taken for an empty one")
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was taken for a journal")
	}
}
