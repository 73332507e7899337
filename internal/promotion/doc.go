// Package promotion keeps the history of an environment: a chain of signed records,
// each of which says which digest was put there, by which policy, on what evidence,
// and which record came before.
//
// A record is evidence like any other: a statement about the image, signed with the
// promoter key and attached to the image in the environment's repository. Every
// record also has a tag of its own, promotions-<environment>.<number>.<digest>, and
// the tag promotions-<environment> points to the newest.
//
// It promises that a record that is read was signed by the environment's promoter
// and has the number and the predecessor that the chain says, and that two
// promotions at the same time are detected. Registries cannot compare and swap: a
// record is written under its own tag first, then all are listed, and a promotion that
// finds another record with its number gives up before it moves anything else.
//
// It refuses a chain that forks, a record that does not verify, and a gap.
package promotion
