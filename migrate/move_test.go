package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

const moveYAML = `operations: [{moveColumn: {table: people, column: name, into: cards, by: [person], as: full_name}}]
contract: {minAge: 1ms, dropAfter: 1ms, archive: true}
`

const peopleWithCards = `CREATE TABLE people (id int PRIMARY KEY, name text);
	CREATE TABLE cards (person int PRIMARY KEY REFERENCES people);
	INSERT INTO people SELECT i, 'f' || i || ' l' || i FROM generate_series(1, 1600) i; INSERT INTO cards SELECT id FROM people`

const moveWrong = "SELECT count(*) FROM people LEFT JOIN cards ON person = id WHERE full_name IS DISTINCT FROM name"

func TestAMoveKilledAtEveryStatementCompletesOrRollsBackOnRerun(t *testing.T) {
	onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, peopleWithCards, migrate.Options{})
		shape := w.shape()
		killed := filepath.Join(t.TempDir(), "killed")
		old := w.writers(2, oldCard)
		kills := w.life("1_move", moveYAML, killed, "expand", "backfill", "switch", "rollback")
		require.Equal(t, shape, w.shape())
		kills += w.life("1_move", moveYAML, "", "expand", "backfill")
		require.Zero(t, w.number(moveWrong), "every row is up(old)")
		fresh := w.writers(1, newCard)
		kills += w.life("1_move", moveYAML, killed, "switch")
		old.stop()
		require.Zero(t, w.number(moveWrong), "every row is up(old)")
		w.use("1_move", moveYAML)
		w.switchAnew()
		kills += w.life("1_move", moveYAML, killed, "contract", "contract")
		fresh.stop()
		require.Greater(t, kills, 100)
		t.Logf("%d kills", kills)
		w.keeps("(SELECT full_name FROM cards WHERE person = people.id)", old, fresh)
		require.GreaterOrEqual(t, w.number("SELECT count(*) FROM sluice.archive_1_00 JOIN people USING (id)"), int64(1600), "the old values are archived")
	})
}

func oldCard(ctx context.Context, db *pgx.Conn, id int, insert bool, first, last string) error {
	if !insert {
		_, err := db.Exec(ctx, "UPDATE people SET name = $2 WHERE id = $1", pgx.QueryExecModeExec, id, first+" "+last)
		return err
	}
	return both(ctx, db, "INSERT INTO people (id, name) VALUES (@id, @name)", "INSERT INTO cards (person) VALUES (@id)", id, first+" "+last)
}

func newCard(ctx context.Context, db *pgx.Conn, id int, insert bool, first, last string) error {
	if !insert {
		_, err := db.Exec(ctx, "UPDATE cards SET full_name = $2 WHERE person = $1", pgx.QueryExecModeExec, id, first+" "+last)
		return err
	}
	return both(ctx, db, "INSERT INTO people (id) VALUES (@id)", "INSERT INTO cards (person, full_name) VALUES (@id, @name)", id, first+" "+last)
}

func both(ctx context.Context, db *pgx.Conn, one, two string, id int, name string) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		for _, sql := range []string{one, two} {
			if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeExec, pgx.NamedArgs{"id": id, "name": name}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestAValueWithoutARowToMoveToHoldsUpTheSwitch(t *testing.T) {
	onSome(t, pgtest.Oldest, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, peopleWithCards+"; DELETE FROM cards WHERE person = 7", migrate.Options{})
		w.use("1_move", moveYAML)
		w.expand()
		_, err := w.engine.Backfill(w.ctx, w.change)
		must(t, err, "1 values of public.people.name without a row in public.cards")
		w.exec("INSERT INTO cards (person) VALUES (7)")
		w.backfill()
		require.Zero(t, w.number(moveWrong))
		w.exec("INSERT INTO people VALUES (2001, 'own value'); UPDATE cards SET person = 2001 WHERE person = 7")
		require.EqualValues(t, 1, w.number("SELECT count(*) FROM people JOIN cards ON person = id WHERE id = 2001 AND name = 'own value' AND full_name = name"), "a row that refers elsewhere takes the value from there")
		require.EqualValues(t, 1, w.number("SELECT count(*) FROM people WHERE id = 7 AND name = 'f7 l7'"), "and none is lost")
	})
}

func TestAMoveAlongACompositeKeyWithOddNamesByARoleThatMayWriteOneTable(t *testing.T) {
	onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, `CREATE SCHEMA "日本"; CREATE TABLE "日本"."t""a" ("K 1" int, "new" text, "c.d" text, PRIMARY KEY ("K 1", "new"));
			CREATE TABLE "日本"."table" ("new" text, "K 1" int, UNIQUE ("K 1", "new"), "id'" uuid PRIMARY KEY DEFAULT gen_random_uuid(), FOREIGN KEY ("K 1", "new") REFERENCES "日本"."t""a" ("K 1", "new"));
			INSERT INTO "日本"."t""a" SELECT i, 'k' || i, 'v' || i FROM generate_series(1, 600) i; INSERT INTO "日本"."table" SELECT "new", "K 1" FROM "日本"."t""a"`, migrate.Options{})
		w.use("1_move", `schema: 日本
operations: [{moveColumn: {table: '"t""a"', column: c.d, into: table, by: [K 1, new], as: "NEW", up: upper("c.d"), down: lower("NEW")}}]`)
		w.expand()
		w.backfill()
		role := "one_table_" + w.db.Config().Database
		w.exec("CREATE ROLE " + role + `; GRANT USAGE ON SCHEMA "日本" TO ` + role + `; GRANT SELECT, UPDATE ON "日本"."table" TO ` + role)
		t.Cleanup(func() { s.Exec(t, "postgres", "DROP ROLE "+role) })
		t.Cleanup(func() { w.exec("DROP OWNED BY " + role) })
		w.exec("SET ROLE " + role + `; UPDATE "日本"."table" SET "NEW" = 'FROM NEW' WHERE "K 1" = 7; RESET ROLE`)
		w.exec(`UPDATE "日本"."t""a" SET "c.d" = 'from old' WHERE "K 1" = 8`)
		require.EqualValues(t, 600, w.number(`SELECT count(*) FROM "日本"."t""a" JOIN "日本"."table" USING ("K 1", "new") WHERE "NEW" = upper("c.d")`))
		require.EqualValues(t, 1, w.number(`SELECT count(*) FROM "日本"."t""a" WHERE "c.d" = 'from new'`))
		w.switchReads()
		w.mustContractAfter()
		w.exec(`UPDATE "日本"."table" SET "NEW" = 'BURIED' WHERE "K 1" = 9`)
		require.EqualValues(t, 1, w.number(`SELECT count(*) FROM "日本"."t""a" WHERE "sluice_dropped_c.d" = 'buried'`), "under the tombstone writes still go back")
		w.mustContract(migrate.Completed)
	})
}

func TestVersionsThatWriteTheSamePairsOfRowsKeepThemInStep(t *testing.T) {
	onSome(t, pgtest.Newest, func(t *testing.T, s *pgtest.Server) {
		w := newWorld(t, s, peopleWithCards, migrate.Options{})
		w.use("1_move", moveYAML)
		w.expand()
		w.backfill()
		var group errgroup.Group
		for i := range 4 {
			db, err := pgx.Connect(w.ctx, w.dsn)
			require.NoError(t, err)
			defer db.Close(w.ctx)
			client := []write{oldCard, newCard}[i%2]
			group.Go(func() error {
				for n := range 150 {
					err := client(w.ctx, db, 1+n%3, false, fmt.Sprintf("client%d", i), fmt.Sprint(n))
					var pg *pgconn.PgError
					if err != nil && (!errors.As(err, &pg) || pg.Code != "40P01") { // a deadlock is for the application to repeat
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Zero(t, w.number(moveWrong), "every pair is in step, without repair")
	})
}
