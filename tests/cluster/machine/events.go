package machine

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Event is what the machine says of one of its components.
type Event struct {
	Component string    `json:"component"`
	Kind      EventKind `json:"kind"`
	Detail    string    `json:"detail,omitempty"`
	At        time.Time `json:"at"`
}

// EventKind is a step in the life of a component.
type EventKind string

// A component is started, then ready; one that exits is started again, until the machine gives up and ends.
const (
	Started EventKind = "started"
	Ready   EventKind = "ready"
	Exited  EventKind = "exited"
	GaveUp  EventKind = "gave up"
)

// journal appends events to a file, each in one write, so that a reader never sees half a line that stays half.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

func (j *journal) add(component string, kind EventKind, detail string) {
	line, err := json.Marshal(Event{Component: component, Kind: kind, Detail: detail, At: time.Now()})
	if err != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.file.Write(append(line, '\n'))
}
