// Package progress shows a person what a long piece of work is doing: on a terminal a block of lines that is redrawn in place, one for
// every task under way; elsewhere a plain line when a task ends, and a sign of life from those that take long.
//
//	p := progress.New(os.Stderr)
//	defer p.Close()
//	task := p.Start("etcd")
//	task.Note("listening")
//	task.Done("ready")
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// heartbeat is how often a task that is still under way says so where there is no terminal.
const heartbeat = 15 * time.Second

// Progress is a set of tasks shown on one writer. Its methods and those of its tasks may be called from several goroutines.
type Progress struct {
	mu     sync.Mutex
	out    io.Writer
	width  int // columns of the terminal, 0 where there is none
	tasks  []*Task
	drawn  int // lines of the block that is on the screen now
	stop   chan struct{}
	ticker sync.WaitGroup
}

// Task is one line of the view.
type Task struct {
	p       *Progress
	name    string
	note    string
	started time.Time
	said    time.Time
}

// New shows progress on out; a terminal gets the live view. Close ends it.
func New(out io.Writer) *Progress {
	p := &Progress{out: out, stop: make(chan struct{})}
	period := time.Second
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		p.width = 80
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 20 {
			p.width = columns
		}
		period = 200 * time.Millisecond
	}
	p.ticker.Go(func() { p.tick(period) })
	return p
}

// Close stops the view and leaves what was shown.
func (p *Progress) Close() {
	close(p.stop)
	p.ticker.Wait()
}

// Start adds a task that begins now.
func (p *Progress) Start(name string) *Task { return p.StartAt(name, time.Now()) }

// StartAt adds a task that began at a time in the past.
func (p *Progress) StartAt(name string, at time.Time) *Task {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &Task{p: p, name: name, started: at, said: time.Now()}
	p.erase()
	p.tasks = append(p.tasks, t)
	p.draw()
	return t
}

// Say prints a line of text above the tasks.
func (p *Progress) Say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintf(p.out, format+"\n", args...)
	p.draw()
}

// Note says what the task is doing now.
func (t *Task) Note(format string, args ...any) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.note = fmt.Sprintf(format, args...)
}

// Done ends the task with one line: its name, how long it took and the outcome.
func (t *Task) Done(format string, args ...any) { t.end("✓", fmt.Sprintf(format, args...)) }

// Fail ends the task as one that failed.
func (t *Task) Fail(format string, args ...any) { t.end("✗", fmt.Sprintf(format, args...)) }

func (t *Task) end(mark, outcome string) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	for i, other := range t.p.tasks {
		if other == t {
			t.p.erase()
			t.p.tasks = append(t.p.tasks[:i], t.p.tasks[i+1:]...)
			fmt.Fprintln(t.p.out, line(mark, t.name, time.Since(t.started), outcome))
			t.p.draw()
			return
		}
	}
}

func (p *Progress) tick(period time.Duration) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			p.mu.Lock()
			p.erase()
			p.mu.Unlock()
			return
		case <-ticker.C:
			p.mu.Lock()
			p.erase()
			p.draw()
			p.beat()
			p.mu.Unlock()
		}
	}
}

// beat prints the tasks that have been silent for long, where there is no terminal to redraw.
func (p *Progress) beat() {
	if p.width > 0 {
		return
	}
	for _, t := range p.tasks {
		if time.Since(t.said) >= heartbeat {
			t.said = time.Now()
			fmt.Fprintln(p.out, line("…", t.name, time.Since(t.started), t.note))
		}
	}
}

func (p *Progress) draw() {
	if p.width == 0 {
		return
	}
	for _, t := range p.tasks {
		text := []rune(line("…", t.name, time.Since(t.started), t.note))
		if len(text) > p.width-1 {
			text = text[:p.width-1]
		}
		fmt.Fprintln(p.out, string(text))
	}
	p.drawn = len(p.tasks)
}

func (p *Progress) erase() {
	for ; p.drawn > 0; p.drawn-- {
		fmt.Fprint(p.out, "\x1b[1A\x1b[2K")
	}
}

func line(mark, name string, elapsed time.Duration, text string) string {
	return fmt.Sprintf("%s %-24s %7.1fs  %s", mark, name, elapsed.Seconds(), text)
}
