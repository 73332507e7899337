package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// replayed runs the subcommand on the report of a run.
func replayed(t *testing.T, reports string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	args = append([]string{"replay", "--report=" + filepath.Join(reports, "error-rate-gate.report.json")}, args...)
	code = newCommand().Execute(context.Background(), args, strings.NewReader(""), &out, &err, func(string) string { return "" })
	return code, out.String(), err.String()
}

func TestReplayDecidesAgainByteForByte(t *testing.T) {
	for name, w := range map[string]*world{
		"good": newWorld(t, canary(40, 0.001)), "bad": newWorld(t, canary(40, 0.05)), "silent": newWorld(t),
		"native": newWorld(t, slow(canary(40, 0.001), 0.1, nil, 1.1)),
	} {
		t.Run(name, func(t *testing.T) {
			args := flags()
			if name == "native" {
				args = []string{"--source=" + objectivesFile(t, slowObjective), "--objectives=o.yaml"}
			}
			out := w.run(args...)
			file, err := os.ReadFile(filepath.Join(out.reports, "error-rate-gate.report.json"))
			require.NoError(t, err)
			code, stdout, _ := replayed(t, out.reports, "--json")
			require.Equal(t, out.code, code)
			require.Equal(t, string(file), stdout)
		})
	}
}

func TestReplayTellsWhetherAnotherThresholdWouldHaveFailed(t *testing.T) {
	// A canary at 0.38 % is open by the rule of 0.25 to 0.5 % for long; 0.15 to 0.3 % refuses it, 0.5 to 1 % passes it.
	out := newWorld(t, canary(100, 0.0038)).run(flags("--false-abort=0.001%", "--false-pass=0.001%", "--window=90s")...)
	out.says(t, 3)
	code, stdout, _ := replayed(t, out.reports, "--threshold=0.3%", "--false-abort=5%")
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "refused at 0.3%, acceptable at 0.15")
	code, _, _ = replayed(t, out.reports, "--threshold=1%", "--false-pass=5%")
	require.Equal(t, 0, code)
}

func TestReplayOfAnEarlyAbortSaysThatTheLooksEnd(t *testing.T) {
	out := newWorld(t, canary(40, 0.05)).run(flags()...)
	out.says(t, 1)
	code, _, stderr := replayed(t, out.reports, "--threshold=10%", "--acceptable=9%")
	require.Equal(t, 3, code)
	require.Contains(t, stderr, "before the window does")
}

func TestReplayFindsAReportThatWasChanged(t *testing.T) {
	out := newWorld(t, canary(40, 0.05)).run(flags()...)
	path := filepath.Join(out.reports, "error-rate-gate.report.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(data, []byte(`"verdict": "fail"`), []byte(`"verdict": "pass"`), 1), 0o644))
	code, _, stderr := replayed(t, out.reports)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "it says pass, they say fail")
}

func TestReplayRefusesWhatIsNoReport(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"version":1}`, `{"version":9,"settings":{"rules":[{}]}}`, `{"version":1,"settings":{"rules":[{}]}}`, `{"surprise":1}`} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "error-rate-gate.report.json"), []byte(text), 0o644))
		code, _, stderr := replayed(t, dir)
		require.Equalf(t, 2, code, "%s: %s", text, stderr)
	}
	code, _, _ := replayed(t, t.TempDir())
	require.Equal(t, 2, code)
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"version":1,"settings":{"rules":[{"name":"e","total":"t","errors":"t{c=\"5\"}","threshold":"1%","kind":"share"}],"method":"sequential","falseAbort":"5%","falsePass":"5%","burst":1,"undecided":"insufficient","retryBudget":"1m","start":0,"end":9},"looks":[{"at":5,"answers":{"t":[{"metric":{"c":"5"},"values":[[1,"3"],[2,"9"]]}]}}],"decision":{"verdict":"pass","decisive":"e","reason":"","at":5,"objectives":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "error-rate-gate.report.json"), data, 0o644))
		code, _, _ := replayed(t, dir)
		require.Contains(t, []int{0, 1, 2, 3}, code)
	})
}
