package coverage

import (
	"bytes"
	"regexp"
)

// generated is the convention of https://go.dev/s/generatedcode, with the comment signs of other languages.
var generated = regexp.MustCompile(`^\s*(//|#|--|/?\*|;|<!--)\s*Code generated .* DO NOT EDIT\.\s*(\*/|-->)?\s*$`)

// IsGenerated reports whether a file says of itself, before its first line of code, that it is generated.
func IsGenerated(source []byte) bool {
	inComment := false
	for line := range bytes.Lines(source) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
		if generated.Match(line) {
			return true
		}
		switch {
		case inComment:
			inComment = !bytes.Contains(line, []byte("*/"))
		case bytes.HasPrefix(line, []byte("/*")):
			inComment = !bytes.Contains(line, []byte("*/"))
		case len(line) > 0 && !isComment(line):
			return false
		}
	}
	return false
}

func isComment(line []byte) bool {
	for _, sign := range []string{"//", "#", "--", "<!--", "<?", ";", "'use strict'", `"use strict"`} {
		if bytes.HasPrefix(line, []byte(sign)) {
			return true
		}
	}
	return false
}
