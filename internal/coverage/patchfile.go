package coverage

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Added returns the numbers of the lines that the change added or rewrote, ascending.
func (f *PatchFile) Added() (lines []uint32) {
	for _, h := range f.Hunks {
		at := h.NewStart
		for _, l := range h.Lines {
			switch l.Kind {
			case '+':
				lines = append(lines, uint32(at))
				at++
			case ' ':
				at++
			}
		}
	}
	return lines
}

// OldLine maps a line of the new file to the line of the old one that it was; false for a line that was added.
func (f *PatchFile) OldLine(line uint32) (uint32, bool) {
	n, shift := int(line), 0
	for _, h := range f.Hunks {
		// A hunk without new lines stands after its line NewStart.
		if begin := h.newBegin(); n < begin {
			break
		} else if n >= begin+h.NewLines {
			shift += h.OldLines - h.NewLines
			continue
		}
		return h.oldLine(n)
	}
	return uint32(n + shift), true
}

func (h Hunk) newBegin() int {
	if h.NewLines == 0 {
		return h.NewStart + 1
	}
	return h.NewStart
}

func (h Hunk) oldBegin() int {
	if h.OldLines == 0 {
		return h.OldStart + 1
	}
	return h.OldStart
}

func (h Hunk) oldLine(n int) (uint32, bool) {
	old, at := h.oldBegin(), h.newBegin()
	for _, l := range h.Lines {
		if l.Kind != '-' && at == n {
			return uint32(old), l.Kind == ' '
		}
		if l.Kind != '+' {
			old++
		}
		if l.Kind != '-' {
			at++
		}
	}
	return 0, false
}

// Before undoes the change on the new content and returns the old one. It fails where the content is not what the diff
// leads to: then the diff belongs to another commit. Line endings are not compared.
func (f *PatchFile) Before(after []byte) ([]byte, error) {
	lines := splitLines(after)
	var out []string
	at := 1
	for _, h := range f.Hunks {
		begin := h.newBegin()
		if begin < at || begin-1 > len(lines) {
			return nil, fmt.Errorf("%s has %d lines, and the patch one at %d", f.New, len(lines), begin)
		}
		out = append(out, lines[at-1:begin-1]...)
		at = begin
		for _, l := range h.Lines {
			if l.Kind != '-' {
				if at > len(lines) || strings.TrimSuffix(lines[at-1], "\r") != strings.TrimSuffix(l.Text, "\r") {
					return nil, fmt.Errorf("%s:%d is not what the patch says: the patch belongs to another commit", f.New, at)
				}
				at++
			}
			if l.Kind != '+' {
				out = append(out, l.Text)
			}
		}
	}
	out = append(out, lines[at-1:]...)
	if len(out) == 0 {
		return nil, nil
	}
	return []byte(strings.Join(out, "\n") + "\n"), nil
}

func splitLines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimSuffix(data, []byte("\n"))), "\n")
}

// ByNew returns the change of the file that has this path after it, or nil.
func (p *Patch) ByNew(path string) *PatchFile {
	if i := slices.IndexFunc(p.Files, func(f *PatchFile) bool { return f.New == path }); i >= 0 {
		return p.Files[i]
	}
	return nil
}

// Fits checks that every file that the patch leaves behind is in the tree with the lines that it says.
func (p *Patch) Fits(tree *Tree) error {
	for _, f := range p.Files {
		if f.Opaque {
			continue
		}
		if f.New == "" {
			if tree.Has(f.Old) {
				return fmt.Errorf("the patch deletes %s, and the source has it: the patch belongs to another commit", f.Old)
			}
			continue
		}
		if !tree.Has(f.New) {
			return fmt.Errorf("the patch changes %s, and the source does not have it: its paths have to be relative to the source (git diff --relative), and of its commit", f.New)
		}
		after, err := tree.Read(f.New)
		if err != nil {
			return err
		}
		if _, err := f.Before(after); err != nil {
			return err
		}
	}
	return nil
}
