// Package change reads what an author writes: one change a folder, a change.yaml in it,
// and a sum file over all of them.
//
// It promises that whatever Parse accepts has a meaning: every operation is complete, every
// name fits the database, every expression is one balanced SQL expression that can stand
// between parentheses. It knows no database: whether a table exists is the plan's business.
// It refuses unknown keys, two operations in one entry, names over 63 bytes, and a directory
// whose files differ from its sum.
//
//	c, err := change.Parse("20260301120000_split_name", []byte(`
//	operations:
//	  - renameColumn: {table: customers, column: name, to: full_name}
//	`))
package change
