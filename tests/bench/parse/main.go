// Command parse reads one coverage report with one parser, so that its time and
// memory can be measured from outside.
package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/tools/cover"

	"github.com/sluice-ci/sluice/internal/coverage"
)

var parsers = map[string]func(*os.File) error{
	"sluice": func(f *os.File) error {
		set := coverage.NewSet(nil)
		if err := set.Read(context.Background(), f.Name(), f); err != nil {
			return err
		}
		_, err := set.Report()
		return err
	},
	"x/tools": func(f *os.File) error {
		_, err := cover.ParseProfilesFromReader(f)
		return err
	},
}

func main() {
	file, err := os.Open(os.Args[2])
	if err == nil {
		err = parsers[os.Args[1]](file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "parse:", err)
		os.Exit(1)
	}
}
