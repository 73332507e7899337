package coverage

import (
	"fmt"
	"regexp"
	"strings"
)

// Pattern matches slash-separated paths: * is anything but a slash, ? one such character, ** any number of elements, and
// a trailing /** the directory itself too.
type Pattern struct {
	text string
	re   *regexp.Regexp
}

// ParsePattern compiles a pattern; it must match from the beginning of the path to its end.
func ParsePattern(text string) (Pattern, error) {
	if text == "" || strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/") || strings.Contains(text, `\`) {
		return Pattern{}, fmt.Errorf("pattern %q is not a path such as internal/billing/** or **/*.pb.go, relative to the source", text)
	}
	var b strings.Builder
	b.WriteString("^")
	for rest := text; rest != ""; {
		switch {
		case rest == "/**":
			b.WriteString("(/.*)?")
			rest = ""
		case rest == "**":
			b.WriteString(".*")
			rest = ""
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(.*/)?")
			rest = rest[3:]
		case rest[0] == '*':
			b.WriteString("[^/]*")
			rest = rest[1:]
		case rest[0] == '?':
			b.WriteString("[^/]")
			rest = rest[1:]
		default:
			n := strings.IndexAny(rest[1:], "*?/") + 1
			if n == 0 {
				n = len(rest)
			}
			b.WriteString(regexp.QuoteMeta(rest[:n]))
			rest = rest[n:]
		}
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", text, err)
	}
	return Pattern{text: text, re: re}, nil
}

// Match reports whether the whole path matches.
func (p Pattern) Match(path string) bool { return p.re.MatchString(path) }

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// UnmarshalText reads a pattern from a rule file.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePattern(string(text))
	return err
}
