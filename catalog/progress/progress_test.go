package progress_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/catalog/progress"
)

func TestALogGetsPlainLines(t *testing.T) {
	var b bytes.Buffer
	p := progress.New(&b)
	require.NoError(t, p.Do("building", func(s *progress.Step) error {
		s.Now("one")
		s.Quietly("not worth a line")
		s.Done("2 built")
		return nil
	}))
	failed := errors.New("no space")
	require.ErrorIs(t, p.Do("pushing", func(*progress.Step) error { return failed }), failed)
	require.Regexp(t, `^building …\n  one\nbuilding: 2 built \(\d+m?s\)\npushing …\npushing: failed after \d+m?s\n$`, b.String())
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, progress.New(f).Do("building", func(*progress.Step) error { return nil }))
	data, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.NotContains(t, string(data), "\r")
}
