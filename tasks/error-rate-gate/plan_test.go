package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzTraffic(f *testing.F) {
	for _, seed := range []string{"200@5%", "0.5", "1e3@100%", "NaN", "-1@5%", "200@0%", "Inf"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if perSecond, err := traffic(text); err == nil {
			require.Greater(t, perSecond, 0.0)
			require.Less(t, perSecond, 1e9)
		}
	})
}
