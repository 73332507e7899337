// Package progress tells a person what a command is doing: on a terminal one line that moves, elsewhere plain lines that a log keeps.
//
//	p := progress.New(os.Stderr)
//	err := p.Do("building 12 programs", func(s *progress.Step) error { s.Done("%d built", n); return nil })
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Progress writes to one stream. It is safe for concurrent use, but steps follow one another.
type Progress struct {
	w        io.Writer
	terminal bool
	mu       sync.Mutex
}

// New tells on w, with a moving line where w is a terminal and the environment does not say CI.
func New(w io.Writer) *Progress {
	f, ok := w.(*os.File)
	return &Progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("CI") == "" && os.Getenv("TERM") != "dumb"}
}

// Step is one thing that is being done.
type Step struct {
	p       *Progress
	what    string
	begun   time.Time
	mu      sync.Mutex
	now     string // what it is at
	outcome string
}

// Now says what the step is at; on a terminal it replaces what was said before.
func (s *Step) Now(format string, args ...any) {
	s.mu.Lock()
	s.now = fmt.Sprintf(format, args...)
	s.mu.Unlock()
	if !s.p.terminal {
		s.p.line("  %s", fmt.Sprintf(format, args...))
	}
}

// Quietly is Now for what is worth seeing while it happens but not worth a line in a log.
func (s *Step) Quietly(text string) {
	s.mu.Lock()
	s.now = text
	s.mu.Unlock()
}

// Done says how the step came out; it is printed when its function returns.
func (s *Step) Done(format string, args ...any) { s.outcome = fmt.Sprintf(format, args...) }

// Do runs a step and tells its beginning, its progress, its outcome and how long it took.
func (p *Progress) Do(what string, do func(*Step) error) error {
	s := &Step{p: p, what: what, begun: time.Now()}
	stop := p.begin(s)
	err := do(s)
	stop()
	took := time.Since(s.begun).Round(100 * time.Millisecond)
	switch {
	case err != nil:
		p.line("%s%s: failed after %s", p.mark("✗"), what, took)
	case s.outcome != "":
		p.line("%s%s: %s (%s)", p.mark("✓"), what, s.outcome, took)
	default:
		p.line("%s%s (%s)", p.mark("✓"), what, took)
	}
	return err
}

func (p *Progress) begin(s *Step) (stop func()) {
	if !p.terminal {
		p.line("%s …", s.what)
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for frame := 0; ; frame++ {
			s.draw(frame)
			select {
			case <-quit:
				fmt.Fprint(p.w, "\r\033[K")
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(quit); <-ended }
}

func (s *Step) draw(frame int) {
	s.mu.Lock()
	now := s.now
	s.mu.Unlock()
	if now != "" {
		now = ": " + now
	}
	spinner := [...]string{"⠋", "⠙", "⠸", "⠴", "⠦", "⠇"}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	fmt.Fprintf(s.p.w, "\r\033[K%s %s%s (%s)", spinner[frame%len(spinner)], s.what, now, time.Since(s.begun).Round(time.Second))
}

func (p *Progress) mark(sign string) string {
	if p.terminal {
		return sign + " "
	}
	return ""
}

func (p *Progress) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format+"\n", args...)
}
