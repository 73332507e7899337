package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sluice-ci/sluice/tests/team"
)

// view shows a run while it goes on: redrawn in place on a terminal, and as one
// line a change elsewhere.
type view struct {
	w     io.Writer
	live  bool
	lines int
	said  map[string]string
}

func newView(w *os.File) *view {
	return &view{w: w, live: term.IsTerminal(int(w.Fd())), said: map[string]string{}}
}

var marks = map[string]string{"Succeeded": "✓", "Failed": "✗", "Running": "…"}

func (v *view) show(o *team.Outcome) {
	if !v.live {
		for _, t := range o.Tasks {
			if v.said[t.Task] != t.Status {
				v.said[t.Task] = t.Status
				fmt.Fprintf(v.w, "  %s %-14s %-9s %s\n", marks[t.Status], t.Task, strings.ToLower(t.Status), seconds(t))
			}
		}
		return
	}
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\033[%dA", v.lines)
	}
	for _, t := range o.Tasks {
		fmt.Fprintf(&b, "\033[2K  %s %-14s %6s  %s\n", marks[t.Status], t.Task, seconds(t), strings.Repeat("▪", int(t.Took/time.Second)))
	}
	v.lines = len(o.Tasks)
	fmt.Fprint(v.w, b.String())
}

func seconds(t team.TaskOutcome) string {
	if t.Status == "Running" && t.Took == 0 {
		return ""
	}
	return t.Took.Round(time.Second).String()
}
