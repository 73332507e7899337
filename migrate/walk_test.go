package migrate_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

// TestWalk runs testdata/walk/*.txtar: the real task binaries on a real database, and what a person sees.
func TestWalk(t *testing.T) {
	s := pgtest.On(t, pgtest.Newest)
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-o", bin, "../tasks/migrate-plan", "../tasks/migrate-expand", "../tasks/migrate-backfill", "../tasks/migrate-switch",
		"../tasks/migrate-contract", "../tasks/migrate-rollback", "../tasks/migrate-status").CombinedOutput()
	require.NoError(t, err, "%s", out)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/walk",
		Setup: func(env *testscript.Env) error {
			dsn := s.Database(env.T().(testing.TB))
			env.Values["dsn"] = dsn
			env.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			for _, dir := range []string{"secret", "reports"} {
				if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
					return err
				}
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "secret", "url"), []byte(dsn), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"sql": sql},
	})
}

// sql runs a statement as an application would and expects its rows, one a line with | between columns, where they are given.
func sql(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, ts.Value("dsn").(string))
	ts.Check(err)
	defer db.Close(ctx)
	results, err := db.PgConn().Exec(ctx, args[0]).ReadAll()
	if neg {
		if err == nil {
			ts.Fatalf("%s succeeds", args[0])
		}
		return
	}
	ts.Check(err)
	var got []string
	for _, r := range results {
		for _, row := range r.Rows {
			got = append(got, string(bytes.Join(row, []byte("|"))))
		}
	}
	if want := args[1:]; len(want) > 0 && !slices.Equal(got, want) {
		ts.Fatalf("%s gives %q, not %q", args[0], got, want)
	}
}
