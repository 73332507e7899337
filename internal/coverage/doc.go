// Package coverage reads, merges and compares test coverage in exact integers.
//
// It recognises a report by its content: the text profiles of `go test -coverprofile`, GOCOVERDIR directories, LCOV,
// Cobertura, JaCoCo and Clover. Several reports of one unit merge by place: a block or line that ran in any of them ran.
// Memory grows with the distinct places, not with the lines read.
//
// It promises that no number is a rounded one where a rule decides ([Counts.Reaches]), and that totals of Go profiles
// equal those of `go tool cover`. It refuses empty reports, reports without anything to measure, truncated and
// contradictory ones, and reports of different units together; every refusal says which line is to blame.
//
//	set := coverage.NewSet(nil)
//	if _, err := set.ReadFile(ctx, reports, "cover.out"); err != nil { … }
//	report, err := set.Report()
//	fmt.Println(report.Counts().Reaches(minimum))
package coverage
