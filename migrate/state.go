package migrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/refusal"
)

// stateFormat is the version of the tables below. A database that a newer tool has touched is refused.
const stateFormat = 1

// The lease's token is part of a unique index: changing it locks the row FOR UPDATE, which waits for every batch that
// holds it FOR KEY SHARE, while a heartbeat, which changes no key, waits for nobody (PostgreSQL manual, 13.3.2).
const stateSQL = `
CREATE SCHEMA IF NOT EXISTS sluice;
CREATE TABLE sluice.meta (format int NOT NULL);
CREATE TABLE sluice.lease (
  id int PRIMARY KEY CHECK (id = 1), token bigint NOT NULL, holder text NOT NULL,
  acquired_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, UNIQUE (id, token));
CREATE TABLE sluice.revision (
  version text PRIMARY KEY, name text NOT NULL, phase text NOT NULL, plan text NOT NULL, plan_digest text NOT NULL,
  directory_sum text NOT NULL, tool text NOT NULL, run text NOT NULL,
  expanded_at timestamptz, filled_at timestamptz, verified_at timestamptz, switched_at timestamptz,
  tombstoned_at timestamptz, completed_at timestamptz, rolled_back_at timestamptz, updated_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE sluice.journal (
  version text NOT NULL, stage text NOT NULL, step int NOT NULL, state text NOT NULL, run text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (version, stage, step));
CREATE TABLE sluice.fill (
  version text NOT NULL, fill int NOT NULL, upper text[], cut text[], cut_done boolean NOT NULL DEFAULT false,
  pass int NOT NULL DEFAULT 0, repaired bigint NOT NULL DEFAULT 0, clean boolean NOT NULL DEFAULT false, PRIMARY KEY (version, fill));
CREATE TABLE sluice.range (
  version text NOT NULL, fill int NOT NULL, id bigint NOT NULL, span bigint NOT NULL, lo text[], hi text[], rows bigint NOT NULL,
  done boolean NOT NULL DEFAULT false, filled bigint NOT NULL DEFAULT 0, pass int NOT NULL DEFAULT 0, PRIMARY KEY (version, fill, id));
CREATE INDEX range_pending ON sluice.range (version, fill, id) WHERE NOT done;
CREATE INDEX range_pass ON sluice.range (version, fill, pass, id);
CREATE TABLE sluice.displaced (
  version text NOT NULL, relation text NOT NULL, attribute text NOT NULL, key text[] NOT NULL, value text,
  PRIMARY KEY (version, relation, attribute, key));
CREATE TABLE sluice.application (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, version text NOT NULL, reads text NOT NULL, digest text NOT NULL,
  run text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE sluice.evidence (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, version text NOT NULL, kind text NOT NULL, verdict text NOT NULL, detail json NOT NULL,
  run text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE sluice.event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  version text, kind text NOT NULL, run text NOT NULL, tool text NOT NULL, detail text NOT NULL);
CREATE FUNCTION sluice.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the history is append-only'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sluice.event FOR EACH STATEMENT EXECUTE FUNCTION sluice.append_only();
REVOKE ALL ON SCHEMA sluice FROM PUBLIC;
INSERT INTO sluice.meta VALUES (1);
INSERT INTO sluice.lease VALUES (1, 0, '', 'epoch', 'epoch');
`

// install creates the engine's schema once; two runners that try at the same time wait for each other.
func (e *Engine) install(ctx context.Context) error {
	there, err := e.installed(ctx)
	if err != nil || there {
		return err
	}
	err = inTx(ctx, e.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7308895150129767283)"); err != nil {
			return err
		}
		var done bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('sluice.meta') IS NOT NULL").Scan(&done); err != nil || done {
			return err
		}
		_, err := tx.Exec(ctx, stateSQL, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return refusal.Misconfigure("creating the schema sluice: %w", err).Remedy("let the role create schemas in this database (GRANT CREATE ON DATABASE)")
	}
	return nil
}

// installed tells whether the schema is there, and refuses one of another format.
func (e *Engine) installed(ctx context.Context) (bool, error) {
	var there bool
	if err := e.pool.QueryRow(ctx, "SELECT to_regclass('sluice.meta') IS NOT NULL").Scan(&there); err != nil {
		return false, fmt.Errorf("looking for the schema sluice: %w", err)
	}
	if !there {
		return false, nil
	}
	var format int
	if err := e.pool.QueryRow(ctx, "SELECT format FROM sluice.meta").Scan(&format); err != nil {
		return false, fmt.Errorf("reading the schema sluice: %w", err)
	}
	if format != stateFormat {
		return false, refusal.Misconfigure("the schema sluice has format %d, this tool knows %d", format, stateFormat).Remedy("use the version of the task that wrote it")
	}
	return true, nil
}
