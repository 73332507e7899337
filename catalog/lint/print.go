package lint

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats are the forms in which Print writes findings: for people, as annotations of a GitHub workflow, and for programs.
var Formats = []string{"text", "github", "json"}

// Print writes findings in one of Formats.
func Print(w io.Writer, format string, findings []Finding) error {
	switch format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(findings)
	case "github":
		for _, f := range findings {
			_, err := fmt.Fprintf(w, "::error file=%s,line=%d,col=%d,title=%s::%s%%0A%s\n",
				property(f.File), f.Line, f.Column, property(f.Rule), data(f.What), data(f.Remedy))
			if err != nil {
				return err
			}
		}
	default:
		for _, f := range findings {
			if _, err := fmt.Fprintln(w, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// data and property escape text as GitHub's workflow commands ask for.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}

// PrintRules lists every rule with its reason.
func PrintRules(w io.Writer) error {
	width := 0
	for _, r := range Rules {
		width = max(width, len(r.Name))
	}
	for _, r := range Rules {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, r.Name, r.Doc); err != nil {
			return err
		}
	}
	return nil
}
