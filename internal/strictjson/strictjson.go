// Package strictjson reads JSON that decides something. Two parsers that disagree
// on a document are an attack, so it promises that a document it accepts means the
// same to every parser.
//
// It refuses duplicate names in an object, names that differ only in case (Go's
// decoder takes one for the other), invalid UTF-8, anything after the document, and
// more than 100 levels.
//
//	var envelope Envelope
//	err := strictjson.Unmarshal(data, &envelope)
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const maxDepth = 100

// Unmarshal checks a document and decodes it. Names that v does not know are let pass.
func Unmarshal(data []byte, v any) error {
	if err := Check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// Check tells what is ambiguous or malformed in a document.
func Check(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := value(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more after the document")
	}
	return nil
}

func value(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d levels", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return object(d, depth)
	case json.Delim('['):
		for d.More() {
			if err := value(d, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func object(d *json.Decoder, depth int) error {
	seen := map[string]string{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return fmt.Errorf("%v is no name", token)
		}
		folded := strings.ToLower(name)
		if before, ok := seen[folded]; ok {
			return fmt.Errorf("names %q and %q in one object", before, name)
		}
		seen[folded] = name
		if err := value(d, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}
