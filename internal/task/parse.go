package task

import (
	"errors"
	"flag"
	"io"
	"os"
	"strings"
)

// parse reads the command line into the declared flags and returns where each
// result is to be written.
func (c *Command) parse(args []string) (results map[string]string, err error) {
	set := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	for _, f := range c.Flags {
		if f.value != nil {
			set.Var(f.value, f.Name, f.Usage)
		}
	}
	paths := map[string]*string{}
	for _, r := range c.Results {
		paths[r.Name] = set.String("result-"+r.Name, "", r.Usage)
	}
	if err := set.Parse(args); err != nil {
		return nil, c.badFlag(err)
	}
	if err := c.takeList(set.Args(), args); err != nil {
		return nil, err
	}
	for _, f := range c.Flags {
		if err := f.check(c.Name); err != nil {
			return nil, err
		}
	}
	results = map[string]string{}
	for name, p := range paths {
		if *p != "" {
			results[name] = *p
		}
	}
	return results, nil
}

// takeList accepts positional arguments only where a list is declared and only
// after "--", so that a mistyped flag is never taken for one of them.
func (c *Command) takeList(rest, args []string) error {
	if len(rest) == 0 {
		return nil
	}
	for _, f := range c.Flags {
		if f.Kind != KindList {
			continue
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			*f.list = rest
			return nil
		}
		return Misconfigured("unexpected argument %q", rest[0]).
			WithRemedy("put the entries of %s after --", f.Name)
	}
	return Misconfigured("unexpected argument %q", rest[0]).
		WithRemedy("flags are written --name=value; see %s --help", c.Name)
}

func (f *Flag) check(command string) error {
	if f.value == nil {
		return nil
	}
	text := f.value.String()
	if f.Required && text == "" {
		return Misconfigured("--%s is empty", f.Name).
			WithRemedy("%s", f.Usage)
	}
	if f.Kind != KindWorkspace || text == "" {
		return nil
	}
	if f.created {
		if err := os.MkdirAll(text, 0o777); err != nil {
			return Misconfigured("making workspace %q: %w", f.Name, err)
		}
		return nil
	}
	info, err := os.Stat(text)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Misconfigured("--%s: there is no directory %q", f.Name, text).
			WithRemedy("bind the workspace %q, or name a directory that exists", f.Name)
	case err != nil:
		return Misconfigured("reading workspace %q: %w", f.Name, err)
	case !info.IsDir():
		return Misconfigured("--%s: %q is not a directory", f.Name, text)
	}
	return nil
}

// badFlag turns the flag package's words into ours.
func (c *Command) badFlag(err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		name = strings.TrimPrefix(name, "-")
		e := Misconfigured("unknown flag --%s", name)
		if near := c.nearest(name); near != "" {
			return e.WithRemedy("did you mean --%s? %s --help lists the flags", near, c.Name)
		}
		return e.WithRemedy("%s --help lists the flags", c.Name)
	}
	for _, before := range []string{" for flag -", " for -"} {
		_, after, _ := strings.Cut(text, before)
		if name, why, ok := strings.Cut(after, ": "); ok {
			return Misconfigured("--%s: %s", name, why)
		}
	}
	return Misconfigured("%s", strings.ReplaceAll(text, "flag -", "flag --"))
}

// nearest finds the declared flag that a mistyped one most likely means: the
// one that shares the longest beginning, of at least three letters.
func (c *Command) nearest(name string) string {
	best, length := "", 2
	for _, f := range c.Flags {
		n := 0
		for n < len(name) && n < len(f.Name) && name[n] == f.Name[n] {
			n++
		}
		if n > length {
			best, length = f.Name, n
		}
	}
	return best
}
