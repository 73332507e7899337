package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestFailuresOfTheGoCommandGetTheirExitCode(t *testing.T) {
	for output, want := range map[string]struct {
		code int
		says string
	}{
		"# example.com/x\n./main.go:3:9: undefined: a\n./main.go:4:9: undefined: b":                                                                            {1, "./cmd does not compile: ./main.go:3:9: undefined: a"},
		"go: downloading a v1.0.0\nmain.go:4:2: a@v1.0.0: Get \"https://proxy.example.com/a/@v/v1.0.0.zip\": dial tcp: lookup proxy.example.com: no such host": {3, "downloading modules of ./cmd: main.go:4:2: a@v1.0.0"},
		"main.go:4:2: no required module provides package example.com/a; to add it:\n\tgo get example.com/a":                                                   {2, "loading ./cmd: main.go:4:2: no required module provides package"},
		"main.go:4:2: missing go.sum entry for module providing package example.com/a":                                                                         {2, "loading ./cmd: main.go:4:2: missing go.sum entry"},
		"stat /x/cmd: directory not found": {2, "loading ./cmd: stat /x/cmd"},
		"go: a@v1.0.0: reading https://proxy.example.com/a/@v/v1.0.0.mod: 503 Service Unavailable": {3, "downloading modules of ./cmd"},
		"# example.com/x\n/usr/local/go/pkg/tool/linux_amd64/link: signal: killed":                 {2, "the compiler was killed, most likely for its memory: /usr/local/go/pkg/tool"},
	} {
		err := explainGo(&images.GoError{Args: []string{"build"}, Output: output}, "./cmd")
		require.Equal(t, want.code, task.Code(err), output)
		require.Contains(t, err.Error(), want.says)
		require.NotContains(t, err.Error(), "\n")
	}
}
