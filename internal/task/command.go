package task

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind says what a flag stands for in task.yaml.
type Kind int

const (
	KindParam     Kind = iota // spec.params: --name=$(params.name)
	KindWorkspace             // spec.workspaces: --name=$(workspaces.name.path)
	KindContext               // run context: --name=$(context.…)
	KindList                  // the one array param, positional after "--"
	KindLocal                 // for a person at a terminal; not in task.yaml
)

// Flag is one declared input of a task.
type Flag struct {
	Kind     Kind
	Name     string
	Usage    string // one sentence or more, the same text as in task.yaml
	Default  string // as it is written on the command line
	Required bool   // a param without default, or a workspace that is not optional
	Context  string // for KindContext: PipelineRunName or TaskRunUID

	value   flag.Value
	list    *[]string
	created bool // a workspace that is made when it does not exist
}

// Result is one declared output of a task.
type Result struct {
	Name  string
	Usage string
}

// Command declares a task: what it takes, what it gives and what it does.
// Declare everything before the command runs; the zero value is not usable,
// call [New].
type Command struct {
	Name     string
	Summary  string
	Flags    []*Flag
	Results  []Result
	Examples []string
	Subs     []*Command // local subcommands

	// Run does the work. Its error decides the exit code; see [Error].
	Run func(ctx context.Context, r *Run) error

	toolchain bool
}

// New starts the declaration of a task. The summary is one sentence with its
// full stop; task.yaml's description begins with it.
func New(name, summary string) *Command {
	return &Command{Name: name, Summary: summary}
}

// String declares a string param with a default; "" means that it may be left out.
func (c *Command) String(p *string, name, value, usage string) {
	c.declare(KindParam, (*stringValue)(p), name, value, usage)
}

// Required declares a string param without a default; leaving it empty is exit code 2.
func (c *Command) Required(p *string, name, usage string) {
	c.declare(KindParam, (*stringValue)(p), name, "", usage).Required = true
}

// Int declares a whole-number param.
func (c *Command) Int(p *int, name string, value int, usage string) {
	c.declare(KindParam, (*intValue)(p), name, strconv.Itoa(value), usage)
}

// Bool declares a param that is "true" or "false".
func (c *Command) Bool(p *bool, name string, value bool, usage string) {
	c.declare(KindParam, (*boolValue)(p), name, strconv.FormatBool(value), usage)
}

// Duration declares a param in Go's duration notation, such as 90s or 5m.
func (c *Command) Duration(p *time.Duration, name string, value time.Duration, usage string) {
	c.declare(KindParam, (*durationValue)(p), name, shortDuration(value), usage)
}

// Strings declares a param that holds a comma-separated list; "" is the empty
// list and blanks around an entry are dropped.
func (c *Command) Strings(p *[]string, name, value, usage string) {
	c.declare(KindParam, (*stringsValue)(p), name, value, usage)
}

// Var declares a param of a domain type. The default is the value's String();
// Set reports what is wrong with a text.
func (c *Command) Var(value flag.Value, name, usage string) {
	c.declare(KindParam, value, name, value.String(), usage)
}

// RequiredVar is [Command.Var] without a default; leaving it empty is exit code 2.
func (c *Command) RequiredVar(value flag.Value, name, usage string) {
	c.declare(KindParam, value, name, "", usage).Required = true
}

// Workspace declares a workspace that has to be bound; the flag holds the path
// of a directory that exists.
func (c *Command) Workspace(p *string, name, usage string) {
	c.declare(KindWorkspace, (*stringValue)(p), name, "", usage).Required = true
}

// OutputWorkspace is [Command.Workspace], but a missing directory is made.
func (c *Command) OutputWorkspace(p *string, name, usage string) {
	f := c.declare(KindWorkspace, (*stringValue)(p), name, "", usage)
	f.Required, f.created = true, true
}

// OptionalWorkspace declares a workspace that may be left unbound; its path is
// then "".
func (c *Command) OptionalWorkspace(p *string, name, usage string) {
	c.declare(KindWorkspace, (*stringValue)(p), name, "", usage)
}

// The run context that a step can be given. Tekton replaces its own
// $(context.pipelineRun.name) only in tasks that are embedded in a pipeline and
// leaves the literal text elsewhere, so the name comes from the pod's label by
// the environment variable PIPELINE_RUN of the step.
const (
	PipelineRunName = "$(PIPELINE_RUN)"
	TaskRunUID      = "$(context.taskRun.uid)"
)

// Context declares a flag that is filled from the run's context:
// [PipelineRunName] or [TaskRunUID]. It is no param, and may be empty on a laptop.
func (c *Command) Context(p *string, name, variable, usage string) {
	c.declare(KindContext, (*stringValue)(p), name, "", usage).Context = variable
}

// List declares the task's one array param: the arguments after "--".
func (c *Command) List(p *[]string, name, usage string) {
	for _, f := range c.Flags {
		if f.Kind == KindList {
			panic(fmt.Sprintf("task %s declares two lists, %s and %s", c.Name, f.Name, name))
		}
	}
	f := c.declare(KindList, nil, name, "", usage)
	f.list = p
}

// Toolchain declares the param "toolchain": the image, by digest, in which the
// task's second step runs. It adds the subcommand "place", with which the first
// step lays the task's own static binary into that container.
func (c *Command) Toolchain(p *string) {
	c.toolchain = true
	c.Required(p, "toolchain", "Image of the toolchain the step runs in, by digest: name@sha256:….")
	c.Sub(placeCommand())
}

// UsesToolchain tells whether [Command.Toolchain] was declared.
func (c *Command) UsesToolchain() bool { return c.toolchain }

// Local returns a declarer of flags for people at a terminal, which task.yaml
// does not have.
func (c *Command) Local() Local { return Local{c} }

// Local declares flags without a param.
type Local struct{ c *Command }

// String declares a local string flag.
func (l Local) String(p *string, name, value, usage string) {
	l.c.declare(KindLocal, (*stringValue)(p), name, value, usage)
}

// Bool declares a local switch.
func (l Local) Bool(p *bool, name string, value bool, usage string) {
	l.c.declare(KindLocal, (*boolValue)(p), name, strconv.FormatBool(value), usage)
}

// Var declares a local flag of a domain type.
func (l Local) Var(value flag.Value, name, usage string) {
	l.c.declare(KindLocal, value, name, value.String(), usage)
}

// Result declares a result that the task may write.
func (c *Command) Result(name, usage string) {
	c.Results = append(c.Results, Result{Name: name, Usage: usage})
}

// Example adds a shell line, or several, to --help.
func (c *Command) Example(lines ...string) { c.Examples = append(c.Examples, lines...) }

// Sub adds a subcommand for people at a terminal, such as replay.
func (c *Command) Sub(sub *Command) { c.Subs = append(c.Subs, sub) }

func (c *Command) declare(kind Kind, value flag.Value, name, def, usage string) *Flag {
	for _, f := range c.Flags {
		if f.Name == name {
			panic(fmt.Sprintf("task %s declares --%s twice", c.Name, name))
		}
	}
	if value != nil && def != "" {
		if err := value.Set(def); err != nil {
			panic(fmt.Sprintf("task %s: default of --%s: %v", c.Name, name, err))
		}
	}
	f := &Flag{Kind: kind, Name: name, Usage: usage, Default: def, value: value}
	c.Flags = append(c.Flags, f)
	return f
}

// shortDuration writes 5m0s as 5m, the way people write it.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
