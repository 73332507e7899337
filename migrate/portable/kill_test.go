package portable

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
)

const splitYAML = `operations:
  - splitColumn:
      table: people
      column: name
      into:
        - {name: first_name, type: varchar(60), up: "` + firstWord + `", notNull: true}
        - {name: last_name, type: varchar(60), up: "substr(name, instr(concat(name, ' '), ' ') + 1)"}
      down: "` + bothWords + `"
  - createIndex: {table: people, name: people_last_name, columns: [last_name]}
contract: {minAge: 1ms, dropAfter: 1ms, archive: true}
`

const splitWrong = `SELECT count(*) FROM people WHERE name IS NULL OR first_name IS NULL OR name <> ` + bothWords

var people = []string{
	"CREATE TABLE people (id integer PRIMARY KEY, name varchar(60) NOT NULL, n integer NOT NULL DEFAULT 0)",
	rows("people (id, name)", 600, "(%d, 'f%d l%d')"),
}

func TestARunnerKilledAtEveryStatementCompletesOnRerun(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		killed := filepath.Join(t.TempDir(), "killed")
		old := w.writer(1, oldInsert, oldUpdate)
		kills := w.life(splitYAML, killed, "expand", "backfill")
		fresh := w.writer(2, newInsert, newUpdate)
		kills += w.life(splitYAML, killed, "switch")
		old.stop()
		require.Zero(t, w.number(splitWrong))
		kills += w.life(splitYAML, killed, "contract", "lift")
		require.Zero(t, w.number(splitWrong), "what the new version wrote under the tombstone is in the old shape too")
		kills += w.life(splitYAML, killed, "contract", "contract")
		fresh.stop()
		t.Logf("%d kills", kills)
		require.Greater(t, kills, 60)
		w.sameNames("concat(first_name, ' ', last_name)", old, fresh)
		require.GreaterOrEqual(t, w.number("SELECT count(*) FROM sluice_archive_1_00"), int64(600), "the old values are archived")
		require.Empty(t, w.lines("SELECT version FROM sluice_journal WHERE state <> 'done'"))
	})
}

func TestARunnerKilledAtEveryStatementRollsBackOnRerun(t *testing.T) {
	eachProduct(t, func(t *testing.T, p product) {
		w := newWorld(t, p, people, migrate.Options{})
		shape := w.shapeNow()
		killed := filepath.Join(t.TempDir(), "killed")
		old := w.writer(1, oldInsert, oldUpdate)
		kills := w.life(splitYAML, killed, "expand", "backfill", "switch", "rollback")
		require.Equal(t, shape, w.shapeNow())
		w.use(splitYAML)
		w.expand()
		w.backfill()
		w.switchReads()
		old.stop()
		fresh := w.writer(2, newInsert, newUpdate)
		kills += w.life(splitYAML, killed, "contract")
		fresh.stop()
		kills += w.life(splitYAML, killed, "rollback")
		require.Equal(t, shape, w.shapeNow(), "rolled back from the tombstone")
		t.Logf("%d kills", kills)
		w.sameNames("name", old, fresh)
	})
}

const (
	oldInsert = "INSERT INTO people (id, name) VALUES (?, concat(?, ' ', ?))"
	oldUpdate = "UPDATE people SET n = n + 1, name = concat(?, ' ', ?) WHERE id = ?"
	newInsert = "INSERT INTO people (id, first_name, last_name) VALUES (?, ?, ?)"
	newUpdate = "UPDATE people SET n = n + 1, first_name = ?, last_name = ? WHERE id = ?"
)

// A writer is a concurrent client of one application version, on rows of its own, that knows what it has committed.
type writer struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	names  map[int]string
	err    error
}

func (w *world) writer(number int, insert, update string) *writer {
	ctx, cancel := context.WithCancel(w.ctx)
	c, err := w.db.Conn(w.ctx)
	require.NoError(w.t, err)
	wr := &writer{cancel: cancel, names: map[int]string{}}
	w.t.Cleanup(cancel)
	wr.done.Go(func() {
		defer c.Close()
		for i := 0; ctx.Err() == nil && wr.err == nil; i++ {
			first, last := fmt.Sprintf("w%d", number), fmt.Sprintf("v%d", i)
			id := (i*7%300)*2 + number%2 + 1
			if i%10 == 0 {
				id = 10000*number + i
				_, wr.err = c.ExecContext(w.ctx, insert, id, first, last)
			} else {
				_, wr.err = c.ExecContext(w.ctx, update, first, last, id)
			}
			if wr.err == nil {
				wr.names[id] = first + " " + last
			}
			_ = sleep(ctx, 3*time.Millisecond)
		}
	})
	w.t.Cleanup(func() { cancel(); wr.done.Wait(); require.NoError(w.t, wr.err, "a writer fails") })
	return wr
}

func (wr *writer) stop() {
	wr.cancel()
	wr.done.Wait()
}

// sameNames compares the table with what the writers know to have committed.
func (w *world) sameNames(expr string, writers ...*writer) {
	w.t.Helper()
	want := map[string]string{}
	for i := 1; i <= 600; i++ {
		want[fmt.Sprint(i)] = fmt.Sprintf("f%d l%d", i, i)
	}
	for _, wr := range writers {
		require.NotEmpty(w.t, wr.names)
		for id, name := range wr.names {
			want[fmt.Sprint(id)] = name
		}
	}
	got := map[string]string{}
	for _, line := range w.lines("SELECT concat(id, '|', " + expr + ") FROM people") {
		id, name, _ := strings.Cut(line, "|")
		got[id] = name
	}
	require.Equal(w.t, want, got)
}
