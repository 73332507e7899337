// Package migrate carries a change of a PostgreSQL database from one shape to another while old and new application versions work:
// expand, backfill, verify, switch reads, a retreat window, tombstone, drop.
//
// It promises:
//   - no statement makes a writer wait longer than the lock timeout;
//   - old and new application versions both work from expand until contract, because triggers keep both shapes in step;
//   - contract refuses until the window has passed by the database's clock, every row has been verified, and there is evidence that
//     nothing uses the old shape;
//   - from every point before the final drop, rollback loses no row and no write but for what the old shape cannot hold, which is
//     counted and shown before;
//   - a run that is killed at any statement is completed or undone by the next: all state is in the database, in the schema sluice.
//
// It refuses to work through a connection pooler, on a standby, beside another runner, on a table without a key, and on a plan
// that is not the one that was reviewed. Refusals are [github.com/sluice-ci/sluice/migrate/refusal.Error] and say what to do.
//
// A runnable example is the test TestWalk, which takes a column split from first commit to drop. In short:
//
//	d, err := change.Load("migrations")
//	e, err := migrate.Open(ctx, dsn, migrate.Options{Run: "nightly"})
//	defer e.Close()
//	for _, c := range d.Changes {
//		_, err = e.Expand(ctx, migrate.ExpandRequest{Change: c, Directory: d, Application: digest})
//		_, err = e.Backfill(ctx, c) // fills and verifies
//	}
//
// The order of ideas in the tree: change (what an author writes), catalog and compile (what that means on this database), plan (the
// reviewed result), lint (raw SQL), and this package, which runs plans.
package migrate
