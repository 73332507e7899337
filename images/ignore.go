package images

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Ignore says which files stay out of an image, by the rules of a .dockerignore file:
// a pattern a line, relative to the root of the source; * and ? within a name, ** across
// names, ! for an exception, # for a comment; the last pattern that matches decides, and
// what matches a directory covers all below it.
// (https://docs.docker.com/build/concepts/context/#dockerignore-files)
//
// The zero value ignores nothing.
type Ignore struct{ rules []ignoreRule }

type ignoreRule struct {
	match *regexp.Regexp
	keep  bool // an exception
}

// ParseIgnore reads patterns, one a line. An error names the line.
func ParseIgnore(r io.Reader) (Ignore, error) {
	var ignore Ignore
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule := ignoreRule{}
		if rest, is := strings.CutPrefix(line, "!"); is {
			rule.keep, line = true, strings.TrimSpace(rest)
		}
		if line == "" {
			return Ignore{}, fmt.Errorf("reading line %d: an exception names nothing", n)
		}
		pattern := strings.TrimPrefix(path.Clean(line), "/")
		if pattern == "" || pattern == "." || pattern == ".." || strings.HasPrefix(pattern, "../") {
			continue // the root itself never is left out, and what lies outside it never was in
		}
		expression, err := translate(pattern)
		if err != nil {
			return Ignore{}, fmt.Errorf("reading line %d, %q: %w", n, line, err)
		}
		rule.match = expression
		ignore.rules = append(ignore.rules, rule)
	}
	if err := scanner.Err(); err != nil {
		return Ignore{}, fmt.Errorf("reading ignore patterns: %w", err)
	}
	return ignore, nil
}

// Ignores tells whether the slash-separated path, relative to the root of the source, stays out.
func (i Ignore) Ignores(name string) (ignored bool) {
	for _, rule := range i.rules {
		if ignored == rule.keep && rule.match.MatchString(name) {
			ignored = !rule.keep
		}
	}
	return ignored
}

// hasExceptions tells whether something below an ignored directory may be wanted after all.
func (i Ignore) hasExceptions() bool {
	for _, rule := range i.rules {
		if rule.keep {
			return true
		}
	}
	return false
}

// translate turns a pattern into an expression that matches it and all below it.
func translate(pattern string) (*regexp.Regexp, error) {
	if _, err := path.Match(strings.ReplaceAll(pattern, "**", "*"), ""); err != nil {
		return nil, err
	}
	var out strings.Builder
	out.WriteString("(?s)^")
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		switch {
		case rest == "**", i == 0 && strings.HasPrefix(rest, "**") && !strings.ContainsAny(rest[2:], `*?[\`) && rest[2] != '/':
			out.WriteString(".*") // **.log ends in .log
			i += 2
		case strings.HasPrefix(rest, "**"):
			out.WriteString("(?:.*/)?")
			i += len(rest) - len(strings.TrimPrefix(rest[2:], "/"))
		case rest[0] == '*':
			out.WriteString("[^/]*")
			i++
		case rest[0] == '?':
			out.WriteString("[^/]")
			i++
		case rest[0] == '[':
			class, n := class(rest)
			out.WriteString(class)
			i += n
		case rest[0] == '\\' && len(rest) > 1:
			_, size := utf8.DecodeRuneInString(rest[1:])
			out.WriteString(regexp.QuoteMeta(rest[1 : 1+size]))
			i += 1 + size
		default:
			_, size := utf8.DecodeRuneInString(rest)
			out.WriteString(regexp.QuoteMeta(rest[:size]))
			i += size
		}
	}
	out.WriteString("(?:/.*)?$")
	return regexp.Compile(out.String())
}

// class turns [a-z] or [^a-z], which path.Match has checked, into an expression's own.
func class(pattern string) (string, int) {
	var out strings.Builder
	out.WriteByte('[')
	i := 1
	if pattern[i] == '^' {
		out.WriteByte('^')
		i++
	}
	for pattern[i] != ']' {
		escaped := pattern[i] == '\\'
		if escaped {
			i++
		}
		char, size := utf8.DecodeRuneInString(pattern[i:])
		if char != '-' || escaped {
			out.WriteString(literal(char))
		} else {
			out.WriteByte('-')
		}
		i += size
	}
	out.WriteByte(']')
	return out.String(), i + 1
}

// literal writes a character so that it stands for itself within a class.
func literal(char rune) string {
	if strings.ContainsRune(`[]\^-&~|`, char) {
		return `\` + string(char)
	}
	return string(char)
}
