package task_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/task"
)

// building declares a task that leaves a record, makes a result and ends with err.
func building(err error) *task.Command {
	c := task.New("build", "Build.")
	c.Result("digest", "Digest.")
	c.Reports()
	c.Run = func(_ context.Context, r *task.Run) error {
		r.Redact("hunter22")
		if err := r.Result("digest", "sha256:1"); err != nil {
			return err
		}
		return err
	}
	return c
}

func TestARunLeavesItsRecordInReports(t *testing.T) {
	for name, test := range map[string]struct {
		err     error
		outcome string
		refusal []string
	}{
		"done":      {nil, "done", nil},
		"refused":   {task.Refuse("the password hunter22 is weak").WithRemedy("take a longer one than hunter22"), "refused", []string{"the password [redacted] is weak", "take a longer one than [redacted]"}},
		"cancelled": {context.Canceled, "undecided", []string{"context canceled"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			execute(t, building(test.err), "--reports="+dir, "--run-name=nightly-1")
			data, err := os.ReadFile(filepath.Join(dir, "build.run.json"))
			require.NoError(t, err)
			var got task.Record
			require.NoError(t, json.Unmarshal(data, &got))
			require.Equal(t, "build", got.Task)
			require.Equal(t, "nightly-1", got.Run.PipelineRun)
			require.Equal(t, test.outcome, got.Outcome)
			require.Equal(t, test.refusal, got.Refusal)
			require.Equal(t, map[string]string{"digest": "sha256:1"}, got.Results)
			require.False(t, got.StartedOn.IsZero())
			require.False(t, got.FinishedOn.Before(got.StartedOn))
		})
	}
}

func TestARunWithoutReportsLeavesNothing(t *testing.T) {
	require.Equal(t, outcome{0, "digest=sha256:1\n", ""}, execute(t, building(nil)))
}
