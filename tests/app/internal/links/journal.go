package links

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// entry is one line of the journal: either field is set.
type entry struct {
	Add    *Link  `json:"add,omitempty"`
	Remove string `json:"remove,omitempty"`
}

// journal appends to a file. A nil journal keeps nothing.
type journal struct{ file *os.File }

// Open returns a store that holds what the journal at path tells, and appends every change to it. An empty path gives
// a store in memory only. A last line that was cut short by a crash is dropped; damage before it is an error.
func Open(path string) (*Store, error) {
	store := &Store{links: map[string]*Link{}, now: time.Now}
	if path == "" {
		return store, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening journal: %w", err)
	}
	kept, err := store.replay(file)
	if err == nil {
		err = file.Truncate(kept)
	}
	if err == nil {
		_, err = file.Seek(kept, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("replaying journal %q: %w", path, err)
	}
	store.journal = &journal{file: file}
	return store, nil
}

// replay applies every whole line and returns how many bytes those take.
func (s *Store) replay(r io.Reader) (int64, error) {
	reader, kept := bufio.NewReader(r), int64(0)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return kept, nil
		}
		if err != nil {
			return kept, err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return kept, fmt.Errorf("line %d: %w", number, err)
		}
		switch {
		case e.Add != nil:
			s.links[e.Add.Slug] = e.Add
		case e.Remove != "":
			delete(s.links, e.Remove)
		}
		kept += int64(len(line))
	}
}

func (j *journal) write(e entry) error {
	if j == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
