package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/task"
)

func TestTheEndOfALongOutputIsKept(t *testing.T) {
	tl := newTally(io.Discard)
	tl.take(event{Action: "run", Package: "p", Test: "T"})
	for range 100_000 {
		tl.take(event{Action: "output", Package: "p", Test: "T", Output: "0123456789\n"})
	}
	tl.take(event{Action: "output", Package: "p", Test: "T", Output: "the reason\n"})
	tl.take(event{Action: "fail", Package: "p", Test: "T"})
	got := tl.byPath["p"].byName["T"].output.String()
	require.LessOrEqual(t, len(got), maxOutput+len("…"))
	require.True(t, strings.HasPrefix(got, "…"))
	require.True(t, strings.HasSuffix(got, "the reason\n"))
}

func TestAPackageThatTheGoCommandNeverFinishedHasFailed(t *testing.T) {
	tl := newTally(io.Discard)
	tl.take(event{Action: "start", Package: "p"})
	tl.take(event{Action: "run", Package: "p", Test: "T"})
	tl.end()
	out := &outcome{tally: tl}
	_, failedTests, _ := out.counts()
	require.Equal(t, 1, failedTests)
	require.Contains(t, out.failures()[0].output, "did not finish")
}

// TestCancellingEndsTheTestsToo runs a test that would sleep for a minute, cancels, and looks for its process.
func TestCancellingEndsTheTestsToo(t *testing.T) {
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	for name, text := range map[string]string{
		"go.mod": "module example.com/slow\n\ngo 1.24\n",
		"slow_test.go": "package slow\n\nimport (\n\t\"os\"\n\t\"strconv\"\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestSlow(t *testing.T) {\n" +
			"\tos.WriteFile(" + strconv.Quote(pid+".new") + ", []byte(strconv.Itoa(os.Getpid())), 0o644)\n" +
			"\tos.Rename(" + strconv.Quote(pid+".new") + ", " + strconv.Quote(pid) + ")\n\ttime.Sleep(time.Minute)\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(pid); err == nil {
				cancel()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	g := &golang{dir: dir, env: os.Environ(), stderr: io.Discard}
	_, err := g.test(ctx, []string{"test", "-json", "./..."}, newTally(io.Discard))
	require.Equal(t, task.CodeUndecided, task.Code(err), "%v", err)
	data, err := os.ReadFile(pid)
	require.NoError(t, err, "the test never began")
	number, err := strconv.Atoi(string(data))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return syscall.Kill(number, 0) != nil }, 10*time.Second, 50*time.Millisecond)
}

func FuzzTally(f *testing.F) {
	f.Add(`{"Action":"start","Package":"p"}` + "\n" + `{"Action":"run","Package":"p","Test":"T"}` + "\n" + `{"Action":"fail","Package":"p","Test":"T","Elapsed":0.1}`)
	f.Add(`{"ImportPath":"p","Action":"build-output","Output":"x"}` + "\n" + `{"Action":"fail","Package":"p","FailedBuild":"p"}`)
	f.Add("not json\n{\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		tl := newTally(io.Discard)
		if err := readLines(strings.NewReader(text), tl.line); err != nil {
			t.Fatal(err)
		}
		tl.end()
		out := &outcome{tally: tl}
		a, b, c := out.counts()
		if suites := out.junit(); suites.Tests != a+b+c || suites.Failures != b || suites.Skipped != c {
			t.Errorf("junit counts %d/%d/%d, tally %d/%d/%d", suites.Tests, suites.Failures, suites.Skipped, a+b+c, b, c)
		}
		if b > 0 && len(out.failures()) == 0 {
			t.Error("something failed and nothing is named")
		}
	})
}
