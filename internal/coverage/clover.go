package coverage

import (
	"encoding/xml"
	"errors"
	"fmt"
)

// clover reads Clover's XML, as written by OpenClover, PHPUnit and istanbul. Lines of type stmt and cond count; method
// lines repeat what the statements say. Where a condition has a count, its falsecount are the branches missed
// (istanbul); where it has none, truecount and falsecount are how often it went either way (OpenClover).
type clover struct {
	set  *Set
	file *spans
}

func (c *clover) start(e xml.StartElement) error {
	switch e.Name.Local {
	case "file":
		name := attr(e, "path")
		if name == "" {
			name = attr(e, "name")
		}
		if name == "" {
			return errors.New("<file> without path or name")
		}
		c.file = c.set.file([]byte(name))
	case "line":
		return c.line(e)
	}
	return nil
}

func (c *clover) line(e xml.StartElement) error {
	kind := attr(e, "type")
	if kind == "method" {
		return nil
	}
	number, ok := lineNumber(attr(e, "num"))
	if !ok || c.file == nil || kind != "stmt" && kind != "cond" {
		return fmt.Errorf("<line num=%q type=%q> is not a statement or condition of a file", attr(e, "num"), kind)
	}
	state, ok := cloverState(e, kind)
	if !ok {
		return fmt.Errorf("<line num=%q type=%q> has no count", attr(e, "num"), kind)
	}
	return c.set.line(c.file, number, state)
}

func cloverState(e xml.StartElement, kind string) (State, bool) {
	ran, counted := positive(attr(e, "count"))
	yes, hasTrue := positive(attr(e, "truecount"))
	no, hasFalse := positive(attr(e, "falsecount"))
	switch {
	case counted && !ran:
		return Uncovered, true
	case counted && kind == "cond" && hasFalse && no:
		return Partly, true
	case counted:
		return Covered, true
	case kind != "cond" || !hasTrue || !hasFalse:
		return Uncovered, false
	case yes && no:
		return Covered, true
	case yes || no:
		return Partly, true
	}
	return Uncovered, true
}

func (c *clover) text([]byte) {}

func (c *clover) end(name string) error {
	if name == "file" {
		c.file = nil
	}
	return nil
}
