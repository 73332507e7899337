//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	v1 "github.com/sluice-ci/sluice/pipelines/expand/samples/split/v1"
)

// The windows are counted by the database's clock from what it noted.
const (
	afterTheSwitch    = "UPDATE sluice.revision SET switched_at = switched_at - interval '1 hour'"
	afterTheTombstone = "UPDATE sluice.revision SET tombstoned_at = tombstoned_at - interval '1 hour'"
)

// TestTasksCarryAChangeThrough runs the samples of the migrate tasks on one database, in the order in which a change meets them.
func TestTasksCarryAChangeThrough(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "tasks-migrate")
	task := func(sample string) {
		t.Helper()
		d.sample(t, "tasks/migrate-"+sample)
	}
	task("plan/samples/blocks-writers")
	task("plan/samples/taskrun")
	task("backfill/samples/before-expand")
	task("expand/samples/another-plan")
	task("expand/samples/taskrun")
	task("switch/samples/before-backfill")
	task("backfill/samples/taskrun")
	task("status/samples/taskrun")
	task("switch/samples/taskrun")
	task("contract/samples/inside-the-window")
	d.exec(t, afterTheSwitch)
	task("contract/samples/old-version-runs")
	task("contract/samples/taskrun")
	d.exec(t, "INSERT INTO customers (first_name, last_name) VALUES ('Anna Maria', 'Sibylla Merian')")
	task("rollback/samples/loses-data")
	task("rollback/samples/taskrun")
	name, err := v1.Name(t.Context(), d.conn, 1001)
	require.NoError(t, err)
	require.Equal(t, "Anna Maria Sibylla Merian", name)
}
