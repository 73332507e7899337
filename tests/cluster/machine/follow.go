package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Follow hands every event of the machine to see, from the first on, until the context ends, a component has given up, or the machine has
// ended by itself. The error names the log that explains it.
func (m Machine) Follow(ctx context.Context, see func(Event)) error {
	var offset int
	for {
		alive := m.PID() != 0
		data, err := os.ReadFile(m.Events())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reading the machine's events: %w", err)
		}
		for {
			end := bytes.IndexByte(data[min(offset, len(data)):], '\n')
			if end < 0 {
				break
			}
			var event Event
			if err := json.Unmarshal(data[offset:offset+end], &event); err != nil {
				return fmt.Errorf("reading the machine's events: %w", err)
			}
			offset += end + 1
			see(event)
			if event.Kind == GaveUp {
				return &ComponentError{Component: event.Component, Log: m.Log(event.Component), Reason: event.Detail}
			}
		}
		if !alive {
			return &ComponentError{Component: "machine", Log: m.Log("machine"), Reason: "ended by itself"}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ComponentError says that a component of the machine does not run, and which log tells why.
type ComponentError struct{ Component, Log, Reason string }

func (e *ComponentError) Error() string { return e.Component + " " + e.Reason }
