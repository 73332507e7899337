package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// signalling tells when it is first written to.
type signalling struct{ said chan string }

func (s signalling) Write(text []byte) (int, error) {
	s.said <- string(text)
	return len(text), nil
}

func TestASecondCallSaysThatItWaitsForTheFirst(t *testing.T) {
	state := t.TempDir()
	unlock, err := lock(state, io.Discard)
	require.NoError(t, err)
	out, second := signalling{make(chan string, 1)}, make(chan error, 1)
	go func() {
		unlock, err := lock(state, out)
		if err == nil {
			unlock()
		}
		second <- err
	}()
	require.True(t, strings.HasPrefix(<-out.said, "waiting for another call"))
	require.Empty(t, second)
	unlock()
	require.NoError(t, <-second)
}
