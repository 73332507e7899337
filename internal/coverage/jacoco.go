package coverage

import (
	"encoding/xml"
	"fmt"
)

// jacoco reads JaCoCo's XML. A line is covered when an instruction of it ran, as in JaCoCo's own LINE counter, and only
// partly when others, or branches, were missed. Files are named by package and source file; the groups of an aggregated
// report tell apart the files that several modules have under one name.
type jacoco struct {
	set    *Set
	groups []string
	pkg    string
	file   *spans
}

func (j *jacoco) start(e xml.StartElement) error {
	switch e.Name.Local {
	case "group":
		j.groups = append(j.groups, attr(e, "name"))
	case "package":
		j.pkg = attr(e, "name")
	case "sourcefile":
		name := attr(e, "name")
		if name == "" {
			return fmt.Errorf("<sourcefile> of package %q without name", j.pkg)
		}
		if j.pkg != "" {
			name = j.pkg + "/" + name
		}
		qualified := name
		for i := len(j.groups) - 1; i >= 0; i-- {
			qualified = j.groups[i] + "/" + qualified
		}
		j.file = j.set.file([]byte(name), qualified)
	case "line":
		return j.line(e)
	}
	return nil
}

func (j *jacoco) line(e xml.StartElement) error {
	number, ok := lineNumber(attr(e, "nr"))
	ran, okay := positive(attr(e, "ci"))
	missed, fine := positive(attr(e, "mi"))
	branches, _ := positive(attr(e, "mb"))
	if !ok || !okay || !fine || j.file == nil {
		return fmt.Errorf("<line nr=%q mi=%q ci=%q> is not a line of a source file with counts", attr(e, "nr"), attr(e, "mi"), attr(e, "ci"))
	}
	state := Uncovered
	switch {
	case ran && (missed || branches):
		state = Partly
	case ran:
		state = Covered
	}
	return j.set.line(j.file, number, state)
}

func (j *jacoco) text([]byte) {}

func (j *jacoco) end(name string) error {
	switch name {
	case "group":
		j.groups = j.groups[:len(j.groups)-1]
	case "sourcefile":
		j.file = nil
	}
	return nil
}
