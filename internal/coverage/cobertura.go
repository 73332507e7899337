package coverage

import (
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"strings"
)

// cobertura reads Cobertura's XML, as written by coverage.py, gcovr, coverlet, istanbul and others. Lines stand in a
// class, and often again in its methods; the class's own count, and the methods' only where it has none. A line is partly
// covered when its condition-coverage is below 100 %.
type cobertura struct {
	set      *Set
	sources  []string
	inSource bool
	file     *spans
	methods  int // depth of <method>
	ofClass  []coberturaLine
	ofMethod []coberturaLine
}

type coberturaLine struct {
	number uint32
	state  State
}

func (c *cobertura) start(e xml.StartElement) error {
	switch e.Name.Local {
	case "source":
		c.inSource = true
		c.sources = append(c.sources, "")
	case "class":
		name := attr(e, "filename")
		if name == "" {
			return errors.New("<class> without filename")
		}
		c.file = c.set.file([]byte(c.names(name)[0]), c.names(name)[1:]...)
	case "method":
		c.methods++
	case "line":
		return c.line(e)
	}
	return nil
}

// names are where a class's file may lie: within one of the sources, or where it says.
func (c *cobertura) names(filename string) (names []string) {
	for _, source := range c.sources {
		if source = strings.TrimSpace(source); source != "" && !path.IsAbs(cleanName(filename)) {
			names = append(names, path.Join(cleanName(source), cleanName(filename)))
		}
	}
	return append(names, filename)
}

func (c *cobertura) line(e xml.StartElement) error {
	number, ok := lineNumber(attr(e, "number"))
	ran, okay := positive(attr(e, "hits"))
	if !ok || !okay || c.file == nil {
		return fmt.Errorf("<line number=%q hits=%q> is not a line of a class with a count", attr(e, "number"), attr(e, "hits"))
	}
	l := coberturaLine{number: number}
	if ran {
		l.state = Covered
		if condition := attr(e, "condition-coverage"); condition != "" && !strings.HasPrefix(condition, "100") {
			l.state = Partly
		}
	}
	if c.methods > 0 {
		c.ofMethod = append(c.ofMethod, l)
	} else {
		c.ofClass = append(c.ofClass, l)
	}
	return nil
}

func (c *cobertura) text(data []byte) {
	if c.inSource {
		c.sources[len(c.sources)-1] += string(data)
	}
}

func (c *cobertura) end(name string) error {
	switch name {
	case "source":
		c.inSource = false
	case "method":
		c.methods--
	case "class":
		lines := c.ofClass
		if len(lines) == 0 {
			lines = c.ofMethod
		}
		for _, l := range lines {
			if err := c.set.line(c.file, l.number, l.state); err != nil {
				return err
			}
		}
		c.file, c.ofClass, c.ofMethod = nil, c.ofClass[:0], c.ofMethod[:0]
	}
	return nil
}
