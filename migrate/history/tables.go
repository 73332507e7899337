package history

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// histories reads the versions that each tool has applied, and refuses where one failed.
var histories = map[string]func(context.Context, *table) ([]string, error){
	"goose": goose, "golang-migrate": golangMigrate, "flyway": flyway, "liquibase": liquibase, "atlas": atlasRevisions,
}

// goose keeps a row for each step up, and for each step down one more or one less; version 0 is the empty database.
func goose(ctx context.Context, t *table) ([]string, error) {
	found, err := rows[struct{ Version string }](ctx, t, `SELECT version_id::text FROM (
		SELECT DISTINCT ON (version_id) version_id, is_applied FROM %s ORDER BY version_id, id DESC) s WHERE is_applied AND version_id > 0 ORDER BY version_id`)
	var applied []string
	for _, r := range found {
		applied = append(applied, r.Version)
	}
	return applied, err
}

// golang-migrate keeps the last version alone: those below are taken to be applied.
func golangMigrate(ctx context.Context, t *table) ([]string, error) {
	found, err := rows[struct {
		Version string
		Dirty   bool
	}](ctx, t, "SELECT version::text, dirty FROM %s")
	if err != nil || len(found) == 0 {
		return nil, err
	}
	last := found[0]
	if last.Dirty {
		return nil, t.dirty(last.Version, "is dirty", "migrate force")
	}
	applied := []string{last.Version}
	for _, v := range t.listed {
		if change.CompareVersions(v, last.Version) < 0 {
			applied = append(applied, v)
		}
	}
	return applied, nil
}

// flyway keeps a row a run: a version can be undone or deleted later, and a baseline stands for all below it.
func flyway(ctx context.Context, t *table) ([]string, error) {
	found, err := rows[struct {
		Version, Kind, Script string
		Success               bool
	}](ctx, t, `SELECT coalesce(version, ''), type, script, success FROM %s ORDER BY installed_rank`)
	if err != nil {
		return nil, err
	}
	applied := map[string]bool{}
	for _, r := range found {
		if !r.Success {
			return nil, t.dirty(cmp.Or(r.Version, r.Script), "failed in "+r.Script, "flyway repair")
		}
		if r.Version == "" { // repeatable
			continue
		}
		v, err := dotted(r.Version)
		if err != nil {
			return nil, refusal.Misconfigure("reading %s: %w", t.name.Plain(), err).Remedy("give table, where it is not this one")
		}
		if r.Kind == "BASELINE" {
			for _, l := range t.listed {
				applied[l] = applied[l] || compareDotted(l, v) <= 0
			}
			continue
		}
		applied[v] = !strings.HasPrefix(r.Kind, "UNDO") && r.Kind != "DELETE"
	}
	return held(applied), nil
}

// liquibase keeps a row a change set, and a lock beside it.
func liquibase(ctx context.Context, t *table) ([]string, error) {
	lock := table{q: t.q, name: change.TableName{Schema: t.name.Schema, Name: t.name.Name + "lock"}, tool: t.tool}
	there, err := exists(ctx, t.q, lock.name)
	if err != nil {
		return nil, err
	}
	if there {
		held, err := rows[struct{ By string }](ctx, &lock, "SELECT coalesce(lockedby, '') FROM %s WHERE locked")
		if err != nil {
			return nil, err
		}
		if len(held) > 0 {
			return nil, refusal.Undecide("Liquibase is at work on this database: %s is held by %q", lock.name.Plain(), held[0].By).
				Remedy("wait for it; a lock that a dead run left behind goes with liquibase release-locks")
		}
	}
	found, err := rows[struct{ File, ID, Author, Outcome string }](ctx, t, "SELECT filename, id, author, exectype FROM %s ORDER BY orderexecuted")
	var applied []string
	for _, r := range found {
		set := setID(r.File, r.ID, r.Author)
		if r.Outcome == "FAILED" {
			return nil, t.dirty(set, "failed", "liquibase update")
		}
		applied = append(applied, set)
	}
	return applied, err
}

// Atlas keeps how many statements of a version were applied; a baseline stands for all below it, and a person can call a version resolved.
func atlasRevisions(ctx context.Context, t *table) ([]string, error) {
	found, err := rows[struct {
		Version                     string
		Baseline, Resolved, Partial bool
	}](ctx, t, `SELECT version, type & 1 <> 0, type & 4 <> 0, coalesce(error, '') <> '' OR applied < total FROM %s WHERE version NOT LIKE '.%%' ORDER BY version`)
	if err != nil {
		return nil, err
	}
	applied := map[string]bool{}
	for _, r := range found {
		if r.Partial && !r.Resolved {
			return nil, t.dirty(r.Version, "is applied in part", "atlas migrate apply or atlas migrate set")
		}
		applied[r.Version] = true
		for _, l := range t.listed {
			applied[l] = applied[l] || (r.Baseline && l < r.Version)
		}
	}
	return held(applied), nil
}

func held(applied map[string]bool) []string {
	var versions []string
	for v, yes := range applied {
		if yes {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	return versions
}
