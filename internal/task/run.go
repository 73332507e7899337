package task

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Limits of results. Tekton passes them in the termination message, 4096 bytes
// a container with its own data, so a step of ours keeps to less.
const (
	MaxResult     = 1024     // bytes of one result
	MaxResultStep = 3 * 1024 // bytes of all results of a step
)

// Run is one execution of a command: its streams, its log and its results.
type Run struct {
	Stdin  io.Reader
	Stdout io.Writer // the product
	Stderr io.Writer // the narration
	Log    *slog.Logger
	Getenv func(string) string

	command *Command
	paths   map[string]string // where each result is to be written
	written map[string]string

	resultless bool

	secrets *redactor
	span    trace.Span
}

// Printf narrates: one line to standard error.
func (r *Run) Printf(format string, args ...any) {
	fmt.Fprintf(r.Stderr, strings.TrimSuffix(format, "\n")+"\n", args...)
}

// Redact keeps a secret, and its URL-encoded form, out of everything that the
// run writes from now on. Texts under four bytes are not secrets.
func (r *Run) Redact(secret string) { r.secrets.add(secret) }

// Attr sets a string attribute of the run's span, under OpenTelemetry's name
// for it, such as vcs.ref.head.revision or oci.manifest.digest.
func (r *Run) Attr(key, value string) { r.span.SetAttributes(attribute.String(key, value)) }

// Result writes a result: atomically to the path that Tekton gave, or to
// standard output as name=value where none was given. Writing it again replaces
// the value. It fails for a name that is not declared, for a value over 1 KiB or
// not UTF-8, and for a sum over 3 KiB.
func (r *Run) Result(name, value string) error {
	if !r.command.hasResult(name) {
		return fmt.Errorf("writing result %q: %s does not declare it", name, r.command.Name)
	}
	value = r.secrets.clean(strings.TrimRight(value, "\n"))
	if len(value) > MaxResult {
		return fmt.Errorf("writing result %q: %d bytes, more than %d", name, len(value), MaxResult)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("writing result %q: not UTF-8", name)
	}
	sum := len(value)
	for other, v := range r.written {
		if other != name {
			sum += len(v)
		}
	}
	if sum > MaxResultStep {
		return fmt.Errorf("writing result %q: all results together have %d bytes, more than %d", name, sum, MaxResultStep)
	}
	if path, ok := r.paths[name]; ok {
		if err := WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("writing result %q: %w", name, err)
		}
	} else {
		fmt.Fprintf(r.Stdout, "%s=%s\n", name, value)
	}
	r.written[name] = value
	return nil
}

// WithoutResults says that this run makes none: it only shows a person something,
// as under a local flag such as --plan.
func (r *Run) WithoutResults() { r.resultless = true }

// missing names the declared results that were not written.
func (r *Run) missing() (names []string) {
	if r.resultless {
		return nil
	}
	for _, res := range r.command.Results {
		if _, ok := r.written[res.Name]; !ok {
			names = append(names, res.Name)
		}
	}
	return names
}

func (c *Command) hasResult(name string) bool {
	for _, r := range c.Results {
		if r.Name == name {
			return true
		}
	}
	return false
}

// WriteFile replaces a file atomically: a reader, or a kill at any moment, meets
// the old content or the new one whole. The directory must exist.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(mode); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
