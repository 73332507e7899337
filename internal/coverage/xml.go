package coverage

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlReport reads one kind of XML report, element by element.
type xmlReport interface {
	start(e xml.StartElement) error
	text(data []byte)
	end(name string) error
}

const (
	maxDepth = 64      // elements within elements
	maxToken = 1 << 20 // bytes of one tag or text
)

// readXML streams a Cobertura, JaCoCo or Clover report. It refuses entity declarations, which such reports never need and
// bombs are made of, tags and texts beyond a megabyte, and deep nesting.
func readXML(s *Set, r io.Reader) error {
	source := &budget{r: bufio.NewReaderSize(r, 64<<10)}
	x := xmlWalk{set: s, decoder: xml.NewDecoder(source)}
	x.decoder.CharsetReader = source.charset
	for {
		source.left = maxToken
		token, err := x.decoder.Token()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = x.token(token)
		}
		if err != nil {
			line, _ := x.decoder.InputPos()
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if x.report == nil {
		return errors.New("it has no root element")
	}
	if x.lines() == 0 {
		return errors.New("no line in it is measured: was it compiled without line numbers, or were no sources instrumented?")
	}
	return nil
}

type xmlWalk struct {
	set     *Set
	decoder *xml.Decoder
	root    xml.StartElement
	report  xmlReport // nil until known
	depth   int
	ended   bool
	before  int
}

func (x *xmlWalk) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive:
		if bytes.Contains(t, []byte("ENTITY")) {
			return errors.New("it declares XML entities; a coverage report has no use for them")
		}
	case xml.StartElement:
		if x.depth++; x.depth > maxDepth {
			return fmt.Errorf("elements are nested deeper than %d", maxDepth)
		}
		if x.ended {
			return fmt.Errorf("<%s> after the end of the report: two reports in one file", t.Name.Local)
		}
		if x.report == nil {
			return x.recognise(t.Copy())
		}
		return x.report.start(t)
	case xml.CharData:
		if x.report != nil {
			x.report.text(t)
		}
	case xml.EndElement:
		x.depth--
		x.ended = x.depth == 0
		if x.report != nil {
			return x.report.end(t.Name.Local)
		}
	}
	return nil
}

// recognise chooses the kind of report by its root element, and where Cobertura and Clover share one, by its attributes
// or the first element in it.
func (x *xmlWalk) recognise(e xml.StartElement) error {
	if x.depth == 1 {
		x.root = e
		switch e.Name.Local {
		case "report":
			return x.begin("JaCoCo", &jacoco{set: x.set})
		case "coverage":
			if attr(e, "line-rate") != "" || attr(e, "lines-valid") != "" {
				return x.begin("Cobertura", &cobertura{set: x.set})
			}
			if attr(e, "clover") != "" || attr(e, "generated") != "" {
				return x.begin("Clover", &clover{set: x.set})
			}
			return nil // the next element tells
		}
		return fmt.Errorf("<%s> is the root of no known coverage report", e.Name.Local)
	}
	switch e.Name.Local {
	case "project", "testproject":
		if err := x.begin("Clover", &clover{set: x.set}); err != nil {
			return err
		}
	case "sources", "packages":
		if err := x.begin("Cobertura", &cobertura{set: x.set}); err != nil {
			return err
		}
	default:
		return fmt.Errorf("<coverage> with <%s> is neither Cobertura nor Clover", e.Name.Local)
	}
	return x.report.start(e)
}

func (x *xmlWalk) begin(format string, report xmlReport) error {
	x.report = report
	x.before = x.set.reported
	return x.set.begin(format, Lines)
}

func (x *xmlWalk) lines() int { return x.set.reported - x.before }

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// budget bounds what one token may take, since the decoder holds a token in memory whole.
type budget struct {
	r    *bufio.Reader
	left int
	high bool // ISO 8859-1: bytes above 127 become two of UTF-8
	next byte
}

func (b *budget) ReadByte() (byte, error) {
	if b.next != 0 {
		c := b.next
		b.next = 0
		return c, nil
	}
	if b.left--; b.left < 0 {
		return 0, fmt.Errorf("a tag or text is longer than %d bytes", maxToken)
	}
	c, err := b.r.ReadByte()
	if err == nil && b.high && c >= 0x80 {
		b.next = 0x80 | c&0x3f
		c = 0xc0 | c>>6
	}
	return c, err
}

// Read is there for xml.Decoder.CharsetReader, which asks for an io.Reader; the decoder reads bytes.
func (b *budget) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

func (b *budget) charset(label string, _ io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii":
	case "iso-8859-1", "latin1":
		b.high = true
	default:
		return nil, fmt.Errorf("its encoding is %q; write it as UTF-8", label)
	}
	return b, nil
}
