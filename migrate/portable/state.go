package portable

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/migrate/refusal"
)

// stateFormat is the version of the tables below. A database that a newer tool has touched is refused.
const stateFormat = 1

// stateTables are the engine's own tables, in types that a dialect replaces: NAME is a text that can be a key, LONG any text, INT 64 bits.
// Times are milliseconds of the database's clock.
var stateTables = []string{
	"sluice_lease (id INT NOT NULL PRIMARY KEY, token INT NOT NULL, holder LONG NOT NULL, acquired_at INT NOT NULL)",
	"sluice_heartbeat (id INT NOT NULL PRIMARY KEY, token INT NOT NULL, expires_at INT NOT NULL)",
	`sluice_revision (version NAME NOT NULL PRIMARY KEY, name LONG NOT NULL, phase NAME NOT NULL, plan LONG NOT NULL, plan_digest NAME NOT NULL,
		directory_sum LONG NOT NULL, tool LONG NOT NULL, run LONG NOT NULL, expanded_at INT, filled_at INT, verified_at INT, switched_at INT,
		tombstoned_at INT, completed_at INT, rolled_back_at INT)`,
	"sluice_journal (version NAME NOT NULL, stage NAME NOT NULL, step INT NOT NULL, state NAME NOT NULL, PRIMARY KEY (version, stage, step))",
	`sluice_fill (version NAME NOT NULL, fill INT NOT NULL, upper_key LONG, at_key LONG, total INT NOT NULL, done INT NOT NULL, finished INT NOT NULL,
		pass INT NOT NULL, pass_key LONG, repaired INT NOT NULL, clean INT NOT NULL, PRIMARY KEY (version, fill))`,
	"sluice_displaced (version NAME NOT NULL, relation NAME NOT NULL, attribute NAME NOT NULL, row_key ROWKEY NOT NULL, value LONG, PRIMARY KEY (version, relation, attribute, row_key))",
	"sluice_application (id SERIAL, version NAME NOT NULL, shape NAME NOT NULL, digest NAME NOT NULL, run LONG NOT NULL, at INT NOT NULL)",
	"sluice_evidence (id SERIAL, version NAME NOT NULL, kind NAME NOT NULL, verdict NAME NOT NULL, detail LONG NOT NULL, run LONG NOT NULL, at INT NOT NULL)",
	"sluice_event (id SERIAL, version NAME NOT NULL, kind NAME NOT NULL, detail LONG NOT NULL, run LONG NOT NULL, tool LONG NOT NULL, at INT NOT NULL)",
	"sluice_meta (format INT NOT NULL PRIMARY KEY)",
}

// stateSQL spells the tables for one database.
func stateSQL(insert, suffix string, types ...string) []string {
	spell := strings.NewReplacer(types...)
	var all []string
	for _, t := range stateTables {
		all = append(all, "CREATE TABLE IF NOT EXISTS "+spell.Replace(t)+suffix)
	}
	return append(all, insert+" INTO sluice_lease VALUES (1, 0, '', 0)", insert+" INTO sluice_heartbeat VALUES (1, 0, 0)",
		fmt.Sprintf("%s INTO sluice_meta VALUES (%d)", insert, stateFormat))
}

// install creates the engine's tables; every statement can be repeated.
func (e *Engine) install(ctx context.Context) error {
	there, err := e.installed(ctx)
	if err != nil || there {
		return err
	}
	c, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := e.persist(ctx, c, func() error { return execAll(ctx, c, e.state()) }); err != nil {
		return refusal.Misconfigure("creating the engine's tables: %w", err).Remedy("let the user create and write tables in this database")
	}
	return nil
}

// installed tells whether the tables are there, and refuses those of another format.
func (e *Engine) installed(ctx context.Context) (bool, error) {
	formats, err := collect(ctx, e.db, "SELECT format FROM sluice_meta", nil, text)
	if err != nil && e.absent(err) || err == nil && len(formats) == 0 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the engine's tables: %w", err)
	}
	if f := formats[len(formats)-1]; f != fmt.Sprint(stateFormat) {
		return false, refusal.Misconfigure("the engine's tables have format %s, this tool knows %d", f, stateFormat).Remedy("use the version of the task that wrote them")
	}
	return true, nil
}
