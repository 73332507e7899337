package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
)

// grace is how long tests may take to end once the run is cancelled.
const grace = 10 * time.Second

// golang runs the go command in the module's directory.
type golang struct {
	dir    string
	env    []string
	stderr io.Writer
}

func (g *golang) command(ctx context.Context, args []string) *exec.Cmd {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir, command.Env = g.dir, g.env
	// The tests are children of the go command's children: all of the group is told to end.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = grace
	return command
}

// ended tells a command that said no (true) from one that could not run.
func ended(ctx context.Context, args []string, err error) (bool, error) {
	if err == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, task.Undecided("running go %s: %w", args[0], ctx.Err())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return true, nil
	}
	return false, task.Undecided("running go %s: %w", args[0], err).
		WithRemedy("was it killed for want of memory? the step's limit is in the task")
}

// maxFindings bounds what is kept of go vet's output, in bytes.
const maxFindings = 64 << 10

// vet returns what go vet found, empty when that is nothing.
func (g *golang) vet(ctx context.Context, args []string) (findings string, err error) {
	var kept bytes.Buffer
	command := g.command(ctx, args)
	command.Stdout = g.stderr
	command.Stderr = io.MultiWriter(g.stderr, &limited{&kept, maxFindings})
	said, err := ended(ctx, args, command.Run())
	if err != nil {
		return "", err
	}
	if !said {
		return "", nil
	}
	if kept.Len() == 0 {
		return "go vet failed and said nothing\n", nil
	}
	return kept.String(), nil
}

// test runs go test and hands every event to the tally.
func (g *golang) test(ctx context.Context, args []string, tally *tally) (failed bool, err error) {
	command := g.command(ctx, args)
	var kept bytes.Buffer
	command.Stderr = io.MultiWriter(g.stderr, &limited{&kept, maxFindings})
	stdout, err := command.StdoutPipe()
	if err != nil {
		return false, fmt.Errorf("running go test: %w", err)
	}
	if err := command.Start(); err != nil {
		return false, fmt.Errorf("running go test: %w", err)
	}
	readErr := readLines(stdout, tally.line)
	if readErr != nil {
		io.Copy(io.Discard, stdout) // so that the command can end
	}
	failed, err = ended(ctx, args, command.Wait())
	if err == nil {
		err = readErr
	}
	if err == nil && failed && len(tally.packages) == 0 {
		return failed, task.Misconfigured("go test ran no package: %s", lastLines(kept.String(), 3))
	}
	return failed, err
}

// readLines calls fn for each line, of any length.
func readLines(r io.Reader, fn func([]byte)) error {
	reader := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			fn(bytes.TrimRight(line, "\r\n"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the output of go test: %w", err)
		}
	}
}

// limited keeps the first n bytes and takes the rest.
type limited struct {
	buffer *bytes.Buffer
	n      int
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.n - l.buffer.Len(); room > 0 {
		l.buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
