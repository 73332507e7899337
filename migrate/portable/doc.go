// Package portable carries a change of a SQLite or MariaDB database through the phases of package migrate: expand, backfill,
// verify, switch, a retreat window, tombstone, drop, and rollback from each of them before the drop.
//
// It promises what package migrate promises, as far as these databases allow it, and says where they do not: a plan names each
// statement's lock, is rehearsed on a copy of a few rows, and refuses with a remedy what would copy a table under a lock or could
// not be undone. All state is in tables of the same database whose names begin with sluice_.
//
// SQLite alters a table inside a transaction, so a step and its journal entry commit together. It has one writer: a step holds the
// others up for as long as it takes, at most the statement timeout. Its file must lie on a local disk.
//
// MariaDB commits before and after each alteration. A step is therefore journaled as begun, then run, then journaled as done, and
// one that was begun is run again with every statement that has had its effect passed over. A second connection holds the lease's row
// meanwhile, so a runner that lost its lease alters nothing. MySQL itself was not run.
//
//	e, err := portable.Open(ctx, "sqlite:/var/lib/app/app.db", migrate.Options{Run: "nightly"})
//	defer e.Close()
//	_, err = e.Expand(ctx, migrate.ExpandRequest{Change: c, Directory: d, Application: digest})
//	_, err = e.Backfill(ctx, c) // fills and verifies
package portable
