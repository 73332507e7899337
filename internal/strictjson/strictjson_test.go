package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/strictjson"
)

func TestRefusesWhatTwoParsersMayReadDifferently(t *testing.T) {
	for text, says := range map[string]string{
		`{"a":1,"b":[{"c":null}],"d":"\u00e9"}`: "",
		`[]`:                                    "",
		`"x"`:                                   "",
		`{"a":1,"a":2}`:                         `names "a" and "a" in one object`,
		`{"payload":1,"Payload":2}`:             `names "payload" and "Payload" in one object`,
		`{"a":{"b":[{"c":1,"c":1}]}}`:           `names "c" and "c" in one object`,
		`{"a":1}{"a":1}`:                        "more after the document",
		`{"a":1} x`:                             "more after the document",
		`{"a"`:                                  "EOF",
		``:                                      "EOF",
		"\"\xff\"":                              "not UTF-8",
		strings.Repeat("[", 200):                "more than 100 levels",
		`{"a":01}`:                              "invalid character",
		`{"a":1,}`:                              "invalid character",
		`{"a":1 "b":2}`:                         "invalid character",
		strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101): "more than 100 levels",
	} {
		var v any
		err := strictjson.Unmarshal([]byte(text), &v)
		if says == "" {
			require.NoError(t, err, text)
		} else {
			require.ErrorContains(t, err, says, text)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"A":2}`, `[`, `nul`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strictjson.Check(data) == nil && !json.Valid(data) {
			t.Fatalf("accepted %q, which is no JSON", data)
		}
	})
}
