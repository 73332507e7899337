package coverage

import (
	"bytes"
	"fmt"
	"io"
)

// maxLine bounds a line of a text report; a longer one is not such a report.
const maxLine = 1 << 20

// lineReader reads lines without copying them: what next returns is valid until the next call. Its memory is one
// buffer, whatever the size of the input.
type lineReader struct {
	r          io.Reader
	buf        []byte
	start, end int
	number     int // of the line returned last, from one
	eof        bool
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: make([]byte, 256<<10)}
}

// next returns a line without its ending (LF or CRLF), or io.EOF.
func (l *lineReader) next() ([]byte, error) {
	for searched := 0; ; {
		if i := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : l.start+searched+i]
			l.start += searched + i + 1
			return l.found(line), nil
		}
		if l.eof {
			if l.start == l.end {
				return nil, io.EOF
			}
			line := l.buf[l.start:l.end]
			l.start = l.end
			return l.found(line), nil
		}
		searched = l.end - l.start
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

func (l *lineReader) found(line []byte) []byte {
	l.number++
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

func (l *lineReader) fill() error {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		if len(l.buf) >= maxLine {
			return fmt.Errorf("line %d is longer than %d bytes", l.number+1, maxLine)
		}
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	if err == io.EOF {
		l.eof = true
		return nil
	}
	return err
}

// quote shows the beginning of a line in an error.
func quote(line []byte) string {
	if len(line) > 120 {
		return fmt.Sprintf("%q…", line[:120])
	}
	return fmt.Sprintf("%q", line)
}
