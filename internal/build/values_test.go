package build

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlatformsAreNamedInFull(t *testing.T) {
	var p Platforms
	require.NoError(t, p.Set("linux/amd64, linux/arm/v7"))
	require.Equal(t, "linux/amd64,linux/arm/v7", p.String())
	for text, says := range map[string]string{
		"":                        `"" is not a platform`,
		"linux":                   `"linux" is not a platform`,
		"windows/amd64":           `"windows/amd64" is not a platform`,
		"linux/amd64,linux/amd64": `is there twice`,
		"linux/a/b/c":             `is not a platform`,
	} {
		require.Regexp(t, regexp.QuoteMeta(says), p.Set(text).Error())
	}
}

func TestAnEpochIsANumberOfSeconds(t *testing.T) {
	var e Epoch
	require.NoError(t, e.Set("1700000000"))
	require.Equal(t, "1700000000", e.String())
	for _, text := range []string{"", "-1", "1.5", "2024-01-01"} {
		require.ErrorContains(t, e.Set(text), "is not a number of seconds since 1970")
	}
}
