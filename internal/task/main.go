package task

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Main runs the command with the process's arguments, streams and environment,
// and exits with its code. SIGINT and SIGTERM cancel the context; a second one
// ends the process at once.
func Main(c *Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	code := c.Execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	os.Exit(code)
}

// Execute runs the command and returns its exit code, one of [CodeDone],
// [CodeRefused], [CodeMisconfigured] and [CodeUndecided].
func (c *Command) Execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	if sub, rest := c.subcommand(args); sub != nil {
		return sub.Execute(ctx, rest, stdin, stdout, stderr, getenv)
	}
	secrets := &redactor{}
	out := &redactingWriter{w: stdout, secrets: secrets}
	errs := &redactingWriter{w: stderr, secrets: secrets}
	defer out.flush()
	defer errs.flush()

	var logFormat string
	c = c.withLog(&logFormat)
	paths, err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) || wantsHelp(args) {
		c.help(out)
		return CodeDone
	}
	if err != nil {
		report(errs, c.Name, err)
		return Code(err)
	}
	log, err := newLogger(logFormat, errs)
	if err != nil {
		report(errs, c.Name, err)
		return Code(err)
	}
	r := &Run{
		Stdin: stdin, Stdout: out, Stderr: errs, Log: log, Getenv: getenv,
		command: c, paths: paths, written: map[string]string{}, secrets: secrets,
	}
	began := time.Now()
	ctx, end := startSpan(ctx, r)
	err = c.Run(ctx, r)
	if err == nil {
		err = r.complete()
	}
	r.record(began, err)
	end(err)
	if err != nil {
		report(errs, c.Name, err)
	}
	return Code(err)
}

// complete holds a run that succeeded to what it declared.
func (r *Run) complete() error {
	if names := r.missing(); len(names) > 0 {
		return fmt.Errorf("ending without having written the results %s: this is a defect of %s",
			strings.Join(names, ", "), r.command.Name)
	}
	return nil
}

func (c *Command) subcommand(args []string) (*Command, []string) {
	if len(args) == 0 {
		return nil, nil
	}
	if args[0] == "completion" {
		return completionCommand(c), args[1:]
	}
	for _, sub := range c.Subs {
		if sub.Name == args[0] {
			named := *sub
			named.Name = c.Name + " " + sub.Name
			return &named, args[1:]
		}
	}
	return nil, nil
}

// withLog returns the command with the flag that every command has.
func (c *Command) withLog(format *string) *Command {
	with := *c
	with.Flags = append([]*Flag(nil), c.Flags...)
	with.Local().String(format, "log", "off", "Structured log on standard error: off, text or json.")
	return &with
}

func newLogger(format string, w io.Writer) (*slog.Logger, error) {
	switch format {
	case "off":
		return slog.New(slog.DiscardHandler), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, Misconfigured("--log: %q is none of off, text and json", format)
}

// wantsHelp looks for a request for help anywhere before "--", so that it is
// answered even when a required flag is missing.
func wantsHelp(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "-h", "-help", "--help":
			return true
		}
	}
	return len(args) == 1 && args[0] == "help"
}
