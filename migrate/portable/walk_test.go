package portable

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// TestWalk runs testdata/walk/*.txtar: the real task binaries on each database, and what a person sees.
func TestWalk(t *testing.T) {
	bin := t.TempDir()
	out, err := exec.Command("go", "build", "-o", bin, "../../tasks/migrate-plan", "../../tasks/migrate-expand", "../../tasks/migrate-backfill", "../../tasks/migrate-switch",
		"../../tasks/migrate-contract", "../../tasks/migrate-rollback", "../../tasks/migrate-status").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, p := range products {
		t.Run(p.name, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: "testdata/walk",
				Setup: func(env *testscript.Env) error {
					dsn, db := p.create(env.T().(testing.TB))
					env.Values["db"] = db
					env.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
					env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
					if err := os.MkdirAll(filepath.Join(env.WorkDir, "secret"), 0o755); err != nil {
						return err
					}
					return os.WriteFile(filepath.Join(env.WorkDir, "secret", "url"), []byte(dsn), 0o600)
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"sql": query},
			})
		})
	}
}

// query runs a statement as an application would and expects its rows, of one column each, where they are given.
func query(ts *testscript.TestScript, neg bool, args []string) {
	rows, err := ts.Value("db").(*sql.DB).Query(args[0])
	var got []string
	if err == nil {
		defer rows.Close()
		for rows.Next() {
			var s string
			ts.Check(rows.Scan(&s))
			got = append(got, s)
		}
		err = rows.Err()
	}
	switch {
	case neg && err == nil:
		ts.Fatalf("%s succeeds", args[0])
	case neg:
	case err != nil:
		ts.Fatalf("%s: %s", args[0], err)
	case len(args) > 1 && !slices.Equal(got, args[1:]):
		ts.Fatalf("%s gives %q, not %q", args[0], got, args[1:])
	}
}
