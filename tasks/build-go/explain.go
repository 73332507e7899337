package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/task"
)

var (
	// diagnostic is a line such as internal/a/a.go:3:9: undefined: x
	diagnostic = regexp.MustCompile(`(?m)^(?:vet: )?[^\s:]+\.(?:go|s):\d+(?::\d+)?: .+$`)
	// unreachable is what the go command says where a proxy or a repository did not answer.
	unreachable = regexp.MustCompile(`dial tcp|connection (?:refused|reset)|no such host|i/o timeout|TLS handshake timeout|` +
		`: 50[0234] |: 429 |unexpected EOF|Could not resolve host|network is unreachable`)
	missing = regexp.MustCompile(`no required module provides|missing go\.sum entry|updates to go\.mod needed|cannot find module|inconsistent vendoring|no Go files in|directory not found|go\.mod file not found|module lookup disabled`)
)

// explainGo gives a failure of the go command its exit code, by what it said. Other
// errors stay as they are.
func explainGo(err error, pkg string) error {
	var failed *images.GoError
	if !errors.As(err, &failed) {
		return err
	}
	out := failed.Output
	switch {
	case unreachable.MatchString(out):
		return task.Undecided("downloading modules of %s: %s", pkg, first(out)).
			WithRemedy("is the module proxy reachable from here? goproxy names another, the workspace ca adds its CA")
	case missing.MatchString(out):
		return task.Misconfigured("loading %s: %s", pkg, first(out)).
			WithRemedy("run `go mod tidy` (and `go mod vendor`) and commit the result; package and directory say what is built")
	case strings.Contains(failed.Error(), "signal: killed"):
		return task.Misconfigured("building %s: the compiler was killed, most likely for its memory: %s", pkg, first(failed.Error())).
			WithRemedy("raise the memory limit of the step (computeResources in the TaskRun), or build fewer platforms at a time")
	case diagnostic.MatchString(out):
		lines := diagnostic.FindAllString(out, -1)
		refusal := task.Refuse("%s does not compile: %s", pkg, lines[0])
		if more := len(lines) - 1; more > 0 {
			return refusal.WithRemedy("and %d more above; `go build %s` shows them on your machine", more, pkg)
		}
		return refusal.WithRemedy("`go build %s` shows it on your machine", pkg)
	}
	return task.Misconfigured("building %s: %s", pkg, first(out)).WithRemedy("the go command's own words are above")
}

// first is the first line that says something, without the narration of downloads.
func first(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "go: downloading ") && !strings.HasPrefix(line, "# ") {
			return line
		}
	}
	return "go failed without a word"
}
