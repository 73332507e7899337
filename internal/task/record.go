package task

import (
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"time"
)

// A Record is what a run leaves in the workspace "reports" for people and for the
// summary of its pipeline: <task>.run.json. It is no evidence.
type Record struct {
	Task string `json:"task"`
	Run  struct {
		PipelineRun string `json:"pipelineRun,omitempty"`
	} `json:"run"`
	Outcome    string            `json:"outcome"` // done, refused, misconfigured or undecided
	Refusal    []string          `json:"refusal,omitempty"`
	Results    map[string]string `json:"results,omitempty"`
	StartedOn  time.Time         `json:"startedOn"`
	FinishedOn time.Time         `json:"finishedOn"`
}

// Reports declares the optional workspace "reports" for a task that writes no
// evidence: only the [Record] of the run lands there. It declares the run context
// run-name too, where the task has not; so call it last.
func (c *Command) Reports() {
	var dir string
	c.OptionalWorkspace(&dir, "reports", "Where the record of the run is written, for the pipeline's summary.")
	if c.flag("run-name") == nil {
		c.Context(new(string), "run-name", PipelineRunName, "Name of the PipelineRun; it is named in the record.")
	}
}

// record writes the Record of a run that ended with err. A run does not fail for
// want of it.
func (r *Run) record(began time.Time, err error) {
	dir := r.command.text("reports")
	if dir == "" || r.resultless {
		return
	}
	var told Record
	told.Task = r.command.Name
	told.Run.PipelineRun = r.command.text("run-name")
	told.Outcome = [...]string{"done", "refused", "misconfigured", "undecided"}[Code(err)]
	told.Results = maps.Clone(r.written)
	told.StartedOn, told.FinishedOn = began.UTC().Truncate(time.Millisecond), time.Now().UTC().Truncate(time.Millisecond)
	if err != nil {
		told.Refusal = append(told.Refusal, r.secrets.clean(err.Error()))
		var e *Error
		if errors.As(err, &e) {
			for _, line := range e.Remedy {
				told.Refusal = append(told.Refusal, r.secrets.clean(line))
			}
		}
	}
	data, err := json.MarshalIndent(told, "", "  ")
	if err == nil {
		err = WriteFile(filepath.Join(dir, told.Task+".run.json"), append(data, '\n'), 0o644)
	}
	if err != nil {
		r.Printf("record of the run not written: %v", err)
	}
}

func (c *Command) flag(name string) *Flag {
	for _, f := range c.Flags {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// text is the value of a workspace or of run context; "" where it is not declared.
func (c *Command) text(name string) string {
	if f := c.flag(name); f != nil && (f.Kind == KindWorkspace || f.Kind == KindContext) {
		return f.value.String()
	}
	return ""
}
