package task_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/task"
)

// outcome is what a person or Tekton sees of a run.
type outcome struct {
	code           int
	stdout, stderr string
}

func execute(t *testing.T, c *task.Command, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := c.Execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	return outcome{code, stdout.String(), stderr.String()}
}

// returning builds a command that only returns err.
func returning(err error) *task.Command {
	c := task.New("gate", "Gate.")
	c.Run = func(context.Context, *task.Run) error { return err }
	return c
}

func TestErrorsBecomeExitCodesAndRemedies(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"nothing wrong", nil, 0, ""},
		{"refusal", task.Refuse("71 %% is below 80 %%").WithRemedy("add tests"), 1, "gate: 71 % is below 80 %\n  add tests\n"},
		{"wrapped refusal", fmt.Errorf("judging %q: %w", "a", task.Refuse("no").WithRemedy("x")), 1, "gate: judging \"a\": no\n  x\n"},
		{"misconfiguration", task.Misconfigured("no such file"), 2, "gate: no such file\n"},
		{"no verdict", task.Undecided("prometheus is away"), 3, "gate: prometheus is away\n"},
		{"cancelled", fmt.Errorf("asking: %w", context.Canceled), 3, "gate: asking: context canceled\n"},
		{"anything else", errors.New("disk full"), 2, "gate: disk full\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := execute(t, returning(test.err))
			require.Equal(t, outcome{test.code, "", test.stderr}, got)
		})
	}
}

func TestCommandLineIsReadOrRefused(t *testing.T) {
	type values struct {
		s, required string
		n           int
		b           bool
		d           time.Duration
		list, rest  []string
	}
	for _, test := range []struct {
		name   string
		args   []string
		want   values
		stderr string // the beginning of it, where the command line is refused
	}{
		{"defaults", []string{"--required=x"}, values{"cover.out", "x", 3, true, 5 * time.Minute, []string{"a", "b"}, nil}, ""},
		{"all given", []string{"--s=", "--required=y", "--n=-1", "--b=false", "--d=90s", "--list= c , d,", "--", "-v", "x"},
			values{"", "y", -1, false, 90 * time.Second, []string{"c", "d"}, []string{"-v", "x"}}, ""},
		{"required left out", nil, values{}, "gate: --required is empty\n  What is needed.\n"},
		{"unknown flag", []string{"--requird=x"}, values{}, "gate: unknown flag --requird\n  did you mean --required?"},
		{"flag like no other", []string{"--zzz"}, values{}, "gate: unknown flag --zzz\n  gate --help lists the flags\n"},
		{"not a number", []string{"--required=x", "--n=many"}, values{}, "gate: --n: \"many\" is not a whole number\n"},
		{"not a switch", []string{"--required=x", "--b=yes"}, values{}, "gate: --b: \"yes\" is neither true nor false\n"},
		{"not a duration", []string{"--required=x", "--d=5"}, values{}, "gate: --d: \"5\" is not a duration such as 90s or 5m\n"},
		{"negative duration", []string{"--required=x", "--d=-5s"}, values{}, "gate: --d: \"-5s\" is negative\n"},
		{"argument without --", []string{"--required=x", "stray"}, values{}, "gate: unexpected argument \"stray\"\n  put the entries of rest after --\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got values
			c := task.New("gate", "Gate.")
			c.String(&got.s, "s", "cover.out", "A text.")
			c.Required(&got.required, "required", "What is needed.")
			c.Int(&got.n, "n", 3, "A number.")
			c.Bool(&got.b, "b", true, "A switch.")
			c.Duration(&got.d, "d", 5*time.Minute, "A time.")
			c.Strings(&got.list, "list", "a,b", "A list.")
			c.List(&got.rest, "rest", "The rest.")
			c.Run = func(context.Context, *task.Run) error { return nil }
			o := execute(t, c, test.args...)
			if test.stderr != "" {
				require.Equal(t, 2, o.code)
				require.Truef(t, strings.HasPrefix(o.stderr, test.stderr), "stderr is %q", o.stderr)
				return
			}
			require.Equal(t, outcome{}, o)
			require.Equal(t, test.want, got)
		})
	}
}

func TestWorkspacesMustExistUnlessOptionalOrMade(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	made := filepath.Join(dir, "new", "reports")
	for _, test := range []struct {
		name, source, reports string
		code                  int
		stderr                string
	}{
		{"bound", dir, made, 0, ""},
		{"not bound", "", made, 2, "--source is empty"},
		{"missing", dir + "/none", made, 2, "there is no directory"},
		{"a file", file, made, 2, "is not a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var source, reports, cache string
			c := task.New("gate", "Gate.")
			c.Workspace(&source, "source", "Source.")
			c.OutputWorkspace(&reports, "reports", "Reports.")
			c.OptionalWorkspace(&cache, "cache", "Cache.")
			c.Run = func(context.Context, *task.Run) error { return nil }
			got := execute(t, c, "--source="+test.source, "--reports="+test.reports, "--cache=")
			require.Equal(t, test.code, got.code, got.stderr)
			require.Contains(t, got.stderr, test.stderr)
			if test.code == 0 {
				require.DirExists(t, made)
			}
		})
	}
}

func TestResultsAreSmallDeclaredAndComplete(t *testing.T) {
	long := strings.Repeat("x", task.MaxResult)
	for _, test := range []struct {
		name   string
		run    func(r *task.Run) error
		stderr string
	}{
		{"both written", func(r *task.Run) error {
			return errors.Join(r.Result("a", "1\n"), r.Result("b", ""))
		}, ""},
		{"one forgotten", func(r *task.Run) error { return r.Result("a", "1") }, "without having written the results b"},
		{"undeclared", func(r *task.Run) error { return r.Result("c", "1") }, "gate does not declare it"},
		{"too long", func(r *task.Run) error { return r.Result("a", long+"x") }, "1025 bytes, more than 1024"},
		{"not text", func(r *task.Run) error { return r.Result("a", "\xff") }, "not UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := task.New("gate", "Gate.")
			c.Result("a", "A.")
			c.Result("b", "B.")
			c.Run = func(_ context.Context, r *task.Run) error { return test.run(r) }
			path := filepath.Join(t.TempDir(), "a")
			got := execute(t, c, "--result-a="+path)
			if test.stderr != "" {
				require.Equal(t, 2, got.code)
				require.Contains(t, got.stderr, test.stderr)
				return
			}
			require.Equal(t, outcome{0, "b=\n", ""}, got)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "1", string(data), "no trailing newline")
			entries, err := os.ReadDir(filepath.Dir(path))
			require.NoError(t, err)
			require.Len(t, entries, 1, "no temporary file is left")
		})
	}
}

func TestResultsOfAStepShareABudget(t *testing.T) {
	c := task.New("gate", "Gate.")
	for i := range 4 {
		c.Result(fmt.Sprint(i), "R.")
	}
	c.Run = func(_ context.Context, r *task.Run) error {
		for i := range 4 {
			if err := r.Result(fmt.Sprint(i), strings.Repeat("x", 800)); err != nil {
				return err
			}
		}
		return nil
	}
	got := execute(t, c)
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stderr, "all results together have 3200 bytes, more than 3072")
}

func TestSecretsAppearNowhere(t *testing.T) {
	const secret = "p4ss/word+1"
	c := task.New("gate", "Gate.")
	c.Result("a", "A.")
	c.Run = func(_ context.Context, r *task.Run) error {
		r.Redact(secret)
		fmt.Fprint(r.Stdout, "begin p4ss/w")
		fmt.Fprint(r.Stdout, "ord+1 end\n")
		r.Printf("url https://me:%s@host", "p4ss%2Fword%2B1")
		r.Log.Info("login", "password", secret)
		if err := r.Result("a", "is "+secret); err != nil {
			return err
		}
		return task.Refuse("bad password %s", secret)
	}
	got := execute(t, c, "--log=json")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.stdout, "begin [redacted] end\n")
	require.Contains(t, got.stdout, "a=is [redacted]\n")
	require.Contains(t, got.stderr, "https://me:[redacted]@host")
	require.Contains(t, got.stderr, "gate: bad password [redacted]")
	require.NotContains(t, got.stdout+got.stderr, "ord+1")
}

func TestPartialSecretAtTheEndIsStillPrinted(t *testing.T) {
	c := task.New("gate", "Gate.")
	c.Run = func(_ context.Context, r *task.Run) error {
		r.Redact("password")
		fmt.Fprint(r.Stdout, "the pass")
		return nil
	}
	require.Equal(t, "the pass", execute(t, c).stdout)
}

func TestHelpIsAnsweredEvenWithoutRequiredFlags(t *testing.T) {
	var o string
	c := task.New("gate", "Refuse what is not good enough.")
	c.Required(&o, "image", "Image by digest.")
	c.Result("digest", "The digest.")
	c.Example("gate --image=registry.example.com/app@sha256:…")
	c.Run = func(context.Context, *task.Run) error { return errors.New("must not run") }
	got := execute(t, c, "--help")
	require.Equal(t, 0, got.code)
	for _, want := range []string{"Refuse what", "gate --image=… [flags]", "(required)", "digest", "Examples:", "Exit codes:"} {
		require.Contains(t, got.stdout, want)
	}
}

func TestPlaceCopiesAnExecutable(t *testing.T) {
	var image string
	c := task.New("gate", "Gate.")
	c.Toolchain(&image)
	to := filepath.Join(t.TempDir(), "gate")
	require.Equal(t, outcome{}, execute(t, c, "place", "--to="+to))
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o555), info.Mode().Perm())
	self, err := os.Executable()
	require.NoError(t, err)
	original, err := os.Stat(self)
	require.NoError(t, err)
	require.Equal(t, original.Size(), info.Size())
	require.Equal(t, outcome{}, execute(t, c, "place", "--to="+to), "a retry replaces it")
}

func TestCompletionListsFlags(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		got := execute(t, withFlag(), "completion", "--", shell)
		require.Equal(t, 0, got.code, got.stderr)
		require.Contains(t, got.stdout, "--minimum=")
	}
	require.Equal(t, 2, execute(t, withFlag(), "completion", "--", "tcsh").code)
}

func withFlag() *task.Command {
	var n int
	c := task.New("gate", "Gate.")
	c.Int(&n, "minimum", 80, "Least.")
	c.Run = func(context.Context, *task.Run) error { return nil }
	return c
}
