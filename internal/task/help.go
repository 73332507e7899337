package task

import (
	"fmt"
	"io"
	"strings"
)

const helpWidth = 88

// help writes the manual of a command.
func (c *Command) help(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n", wrap(c.Summary, "", helpWidth), c.usageLine())
	c.helpFlags(w, "Workspaces", KindWorkspace)
	c.helpFlags(w, "Params", KindParam)
	c.helpFlags(w, "Arguments after --", KindList)
	c.helpFlags(w, "For a person at a terminal", KindLocal)
	c.helpFlags(w, "Run context (set by Tekton)", KindContext)
	if len(c.Results) > 0 {
		fmt.Fprintf(w, "\nResults (printed as name=value, or written to --result-NAME=FILE):\n")
		for _, r := range c.Results {
			helpEntry(w, r.Name, r.Usage)
		}
	}
	if len(c.Subs) > 0 {
		fmt.Fprintf(w, "\nSubcommands:\n")
		for _, s := range c.Subs {
			helpEntry(w, s.Name, s.Summary)
		}
	}
	if len(c.Examples) > 0 {
		fmt.Fprintf(w, "\nExamples:\n")
		for _, e := range c.Examples {
			fmt.Fprintf(w, "  %s\n", e)
		}
	}
	fmt.Fprintf(w, "\nExit codes: 0 done, 1 refused by the rule, 2 misconfigured, 3 could not decide.\n")
}

func (c *Command) usageLine() string {
	parts := []string{c.Name}
	for _, f := range c.Flags {
		if f.Required {
			parts = append(parts, fmt.Sprintf("--%s=…", f.Name))
		}
	}
	parts = append(parts, "[flags]")
	for _, f := range c.Flags {
		if f.Kind == KindList {
			parts = append(parts, "-- "+f.Name+"…")
		}
	}
	return strings.Join(parts, " ")
}

func (c *Command) helpFlags(w io.Writer, title string, kind Kind) {
	first := true
	for _, f := range c.Flags {
		if f.Kind != kind {
			continue
		}
		if first {
			fmt.Fprintf(w, "\n%s:\n", title)
			first = false
		}
		usage := f.Usage
		switch {
		case f.Required:
			usage += " (required)"
		case f.Default != "":
			usage += fmt.Sprintf(" (default %s)", f.Default)
		}
		name := "--" + f.Name
		if kind == KindList {
			name = f.Name
		}
		helpEntry(w, name, usage)
	}
}

func helpEntry(w io.Writer, name, usage string) {
	fmt.Fprintf(w, "  %s\n%s\n", name, wrap(usage, "        ", helpWidth))
}

// wrap breaks a text at blanks into lines of at most width runes, each behind
// the indent.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+n > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
