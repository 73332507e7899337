package coverage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Patch is a change between two source trees, as a unified diff describes it.
type Patch struct {
	Files []*PatchFile
}

// PatchFile is the change of one file. Old is "" for an added file, New for a deleted one; they differ for a renamed one.
type PatchFile struct {
	Old, New string
	Hunks    []Hunk
	Opaque   bool // binary, a symbolic link or a submodule: it has no lines
}

// Hunk is a stretch of lines, numbered from one, of which some were removed and some added.
type Hunk struct {
	OldStart, OldLines int
	NewStart, NewLines int
	Lines              []PatchLine
}

// PatchLine is ' ', '-' or '+' and the line without its ending.
type PatchLine struct {
	Kind byte
	Text string
}

// maxPatch bounds a diff, which is held in memory, in bytes.
const maxPatch = 128 << 20

// ParsePatch reads the output of `git diff`, or any unified diff. It refuses a diff without files, one that ends within a
// hunk, and the combined diff of a merge, which has no one old side.
func ParsePatch(r io.Reader) (*Patch, error) {
	p := patchParser{lines: newLineReader(io.LimitReader(r, maxPatch+1)), patch: &Patch{}}
	read := 0
	for {
		line, err := p.lines.next()
		if err == io.EOF {
			break
		}
		if read += len(line) + 1; read > maxPatch {
			return nil, fmt.Errorf("it is larger than %d bytes", maxPatch)
		}
		if err == nil {
			err = p.line(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.lines.number, err)
		}
	}
	if p.oldLeft+p.newLeft > 0 {
		return nil, errors.New("it ends within a hunk: it is truncated")
	}
	for _, f := range p.patch.Files {
		if strings.ContainsFunc(f.Old+f.New, func(r rune) bool { return printable(r) != r }) {
			return nil, fmt.Errorf("it names the file %q, with characters that cannot be shown", f.Old+f.New)
		}
	}
	if len(p.patch.Files) == 0 {
		return nil, errors.New("no changed file is in it: was it made between two different commits?")
	}
	return p.patch, nil
}

type patchParser struct {
	lines            *lineReader
	patch            *Patch
	file             *PatchFile
	hunk             *Hunk
	oldLeft, newLeft int // lines still to come in the hunk
}

func (p *patchParser) line(line []byte) error {
	if p.oldLeft+p.newLeft > 0 {
		return p.body(line)
	}
	key, rest, _ := bytes.Cut(line, []byte(" "))
	switch text := string(rest); string(key) {
	case "diff":
		return p.header(text)
	case "---":
		return p.names(line, text)
	case "@@":
		return p.hunkHeader(text)
	case "@@@", "@@@@":
		return errors.New("a combined diff of a merge: diff two commits instead")
	case "rename", "copy":
		return p.rename(text)
	case "deleted", "new":
		if p.file != nil && strings.HasPrefix(text, "file mode") {
			if string(key) == "deleted" {
				p.file.New = ""
			} else {
				p.file.Old = ""
			}
			p.file.Opaque = special(text)
		}
	case "index":
		if p.file != nil {
			p.file.Opaque = p.file.Opaque || special(text)
		}
	case "Binary", "GIT":
		if p.file != nil {
			p.file.Opaque = true
		}
	}
	return nil
}

// special tells the modes of symbolic links and submodules.
func special(text string) bool {
	return strings.HasSuffix(text, " 120000") || strings.HasSuffix(text, " 160000")
}

// header reads "diff --git a/x b/x". Its names are ambiguous with blanks in them, so they only serve where no --- line
// follows: for binary files, mode changes and empty files.
func (p *patchParser) header(text string) error {
	names, ok := strings.CutPrefix(text, "--git ")
	if !ok {
		if strings.HasPrefix(text, "--cc ") || strings.HasPrefix(text, "--combined ") {
			return errors.New("a combined diff of a merge: diff two commits instead")
		}
		return nil
	}
	p.file = &PatchFile{}
	p.patch.Files = append(p.patch.Files, p.file)
	if old, name, ok := bothNames(names); ok {
		p.file.Old, p.file.New = stripPrefixes(old, name)
	}
	return nil
}

func bothNames(names string) (old, name string, ok bool) {
	if strings.HasPrefix(names, `"`) {
		quoted, err := strconv.QuotedPrefix(names)
		if err != nil {
			return "", "", false
		}
		return unquote(quoted), unquote(strings.TrimPrefix(names[len(quoted):], " ")), true
	}
	if i := strings.Index(names, ` "`); i >= 0 {
		return names[:i], unquote(names[i+1:]), true
	}
	half := len(names) / 2 // without a rename both names have one length
	if len(names)%2 == 1 && names[half] == ' ' {
		return names[:half], names[half+1:], true
	}
	return strings.Cut(names, " ")
}

// names reads "--- old" and the "+++ new" that has to follow.
func (p *patchParser) names(line []byte, old string) error {
	next, err := p.lines.next()
	if err == io.EOF {
		return nil // a line of dashes in the text before or after a diff
	}
	if err != nil {
		return err
	}
	name, ok := bytes.CutPrefix(next, []byte("+++ "))
	if !ok {
		return p.line(next)
	}
	if p.file == nil || len(p.file.Hunks) > 0 {
		p.file = &PatchFile{}
		p.patch.Files = append(p.patch.Files, p.file)
	}
	p.file.Old, p.file.New = stripPrefixes(plainName(old), plainName(string(name)))
	if p.file.Old == "" && p.file.New == "" {
		return fmt.Errorf("%s names no file", quote(line))
	}
	return nil
}

// plainName drops the time stamp of diff -u and the quotes of git.
func plainName(name string) string {
	name, _, _ = strings.Cut(name, "\t")
	return unquote(name)
}

func unquote(name string) string {
	if strings.HasPrefix(name, `"`) {
		if plain, err := strconv.Unquote(name); err == nil {
			return plain
		}
	}
	return name
}

// stripPrefixes takes away a/ and b/, or the letters of diff.mnemonicPrefix, and turns /dev/null into "".
func stripPrefixes(old, name string) (string, string) {
	const sides = "abciow12"
	prefixed := func(s string) bool {
		return s == "/dev/null" || len(s) > 2 && s[1] == '/' && strings.IndexByte(sides, s[0]) >= 0
	}
	strip := prefixed(old) && prefixed(name) && (old == "/dev/null" || name == "/dev/null" || old[0] != name[0])
	clean := func(s string) string {
		if s == "/dev/null" {
			return ""
		}
		if strip {
			return s[2:]
		}
		return strings.TrimPrefix(s, "./")
	}
	return clean(old), clean(name)
}

func (p *patchParser) rename(text string) error {
	if p.file == nil {
		return nil
	}
	if name, ok := strings.CutPrefix(text, "from "); ok {
		p.file.Old = unquote(name)
	} else if name, ok := strings.CutPrefix(text, "to "); ok {
		p.file.New = unquote(name)
	}
	return nil
}

// hunkHeader reads "-1,5 +1,6 @@ context".
func (p *patchParser) hunkHeader(text string) error {
	if p.file == nil {
		return errors.New("a hunk before any file")
	}
	var h Hunk
	old, rest, _ := strings.Cut(text, " ")
	name, _, _ := strings.Cut(rest, " ")
	var okOld, okNew bool
	h.OldStart, h.OldLines, okOld = hunkRange(old, "-")
	h.NewStart, h.NewLines, okNew = hunkRange(name, "+")
	if !okOld || !okNew {
		return fmt.Errorf("%q is not the header of a hunk", "@@ "+text)
	}
	if n := len(p.file.Hunks); n > 0 {
		last := p.file.Hunks[n-1]
		if h.NewStart < last.NewStart+last.NewLines || h.OldStart < last.OldStart+last.OldLines {
			return fmt.Errorf("%q begins before the end of the hunk before it", "@@ "+text)
		}
	}
	p.file.Hunks = append(p.file.Hunks, h)
	p.hunk = &p.file.Hunks[len(p.file.Hunks)-1]
	p.oldLeft, p.newLeft = h.OldLines, h.NewLines
	return nil
}

func hunkRange(text, sign string) (start, lines int, ok bool) {
	text, ok = strings.CutPrefix(text, sign)
	first, second, two := strings.Cut(text, ",")
	a, okA := lineNumber(first)
	b := uint32(1)
	okB := true
	if two {
		b, okB = lineNumber(second)
	}
	return int(a), int(b), ok && okA && okB
}

func (p *patchParser) body(line []byte) error {
	kind := byte(' ') // some tools drop the blank of an empty line
	if len(line) > 0 {
		kind = line[0]
		line = line[1:]
	}
	switch kind {
	case ' ':
		p.oldLeft--
		p.newLeft--
	case '-':
		p.oldLeft--
	case '+':
		p.newLeft--
	case '\\': // No newline at end of file
		return nil
	default:
		return fmt.Errorf("%s within a hunk: %d lines of it are missing", quote(line), p.oldLeft+p.newLeft)
	}
	if p.oldLeft < 0 || p.newLeft < 0 {
		return errors.New("a hunk has more lines than its header says")
	}
	p.hunk.Lines = append(p.hunk.Lines, PatchLine{kind, string(line)})
	return nil
}
