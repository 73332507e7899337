package tree

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Path leads to a field of a document: strings are keys, ints are indexes.
type Path []any

// At builds a Path: At("spec", "steps", 0, "image").
func At(elements ...any) Path { return elements }

// Then is the path with more elements; the receiver stays as it is.
func (p Path) Then(elements ...any) Path {
	return append(p[:len(p):len(p)], elements...)
}

// String writes the path as Kubernetes does: spec.steps[0].image.
func (p Path) String() string {
	var b strings.Builder
	for _, e := range p {
		switch e := e.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", e)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, e)
		}
	}
	return b.String()
}

// ParsePath reads what String writes, as far as keys hold neither dots nor brackets. An element such as params[name] keeps its text as a
// key, which leads nowhere and so to the nearest parent.
func ParsePath(s string) Path {
	var p Path
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if i, err := strconv.Atoi(part); err == nil {
			p = append(p, i)
		} else {
			p = append(p, part)
		}
	}
	return p
}

// Line is the first line of the document.
func (d *Document) Line() int { return d.Node.Line }

// Position is the line and column, counted from 1, of a field's key, or of the nearest parent that exists.
func (d *Document) Position(p Path) (line, column int) {
	n := d.Node
	line, column = n.Line, n.Column
	for _, e := range p {
		at, next := child(n, e)
		if next == nil {
			break
		}
		line, column, n = at.Line, at.Column, next
	}
	return line, column
}

// Lookup finds the node of a field.
func (d *Document) Lookup(p Path) (*yaml.Node, bool) { return lookup(d.Node, p) }

func lookup(n *yaml.Node, p Path) (*yaml.Node, bool) {
	for _, e := range p {
		if _, n = child(n, e); n == nil {
			return nil, false
		}
	}
	return n, true
}

// child is the node that shows where element e of n is, and its value; nil where there is none.
func child(n *yaml.Node, e any) (at, value *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch e := e.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && e >= 0 && e < len(n.Content) {
			return n.Content[e], n.Content[e]
		}
	case string:
		if n.Kind != yaml.MappingNode {
			return nil, nil
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == e {
				return n.Content[i], n.Content[i+1]
			}
		}
	}
	return nil, nil
}
