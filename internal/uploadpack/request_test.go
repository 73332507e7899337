package uploadpack

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	a = "1111111111111111111111111111111111111111"
	b = "2222222222222222222222222222222222222222"
)

func TestReadRequest(t *testing.T) {
	r, err := ReadRequest(strings.NewReader("0032want " + a + "\n" + "0000" + "0032have " + b + "\n" + "0009done\n"))
	require.NoError(t, err)
	require.True(t, r.Done)
	require.Len(t, r.Haves, 1)

	r, err = ReadRequest(strings.NewReader("0032want " + a + "\n" + "000cdeepen 1" + "0000"))
	require.NoError(t, err)
	require.False(t, r.Done)

	for name, text := range map[string]string{
		"nothing":      "",
		"no want":      "0000",
		"a short line": "00ffwant",
		"a bad have":   "0032want " + a + "\n0000000ahave x",
		"a bad length": "zzzz",
	} {
		_, err := ReadRequest(strings.NewReader(text))
		require.ErrorIs(t, err, ErrBadRequest, name)
	}
}

func FuzzReadRequest(f *testing.F) {
	f.Add("0032want " + a + "\n00000032have " + b + "\n0009done\n")
	f.Add("0032want " + a + "\n0035shallow " + b + "000cdeepen 10000")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadRequest(strings.NewReader(text))
		if err != nil && !errors.Is(err, ErrBadRequest) {
			t.Errorf("%v is no bad request", err)
		}
		if err == nil && len(r.Wants) == 0 {
			t.Error("took a request that wants nothing")
		}
	})
}
