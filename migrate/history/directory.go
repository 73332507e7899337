// Package history reads what another migration tool has done: the directory that goose, golang-migrate, Flyway, Liquibase or Atlas
// migrates from, and the table in which it keeps how far it has come.
//
// It promises that a baseline is accepted only where the tool's own history holds exactly its versions. It refuses a history that is
// dirty, behind or ahead, directories that it would have to guess at, and it writes nothing.
//
//	d, err := history.Read("goose", "db/migrations")
//	path, err := change.WriteBaseline("migrations", "…", change.Baseline{Tool: "goose", Versions: d.Versions}, time.Now())
package history

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"

	"github.com/sluice-ci/sluice/migrate/change"
)

// A Directory is what a tool would have run, in its order.
type Directory struct {
	Versions []string
	// LeftOut names files that a baseline cannot stand for, since the tool runs them again and again.
	LeftOut []string
}

// Read lists the versions of a tool's directory.
func Read(tool, dir string) (*Directory, error) {
	read, known := readers[tool]
	if !known {
		return nil, fmt.Errorf("reading %q: tool %q is none of %s", dir, tool, strings.Join(change.Tools(), ", "))
	}
	d, err := read(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %q as a directory of %s: %w", dir, tool, err)
	}
	if len(d.Versions) == 0 {
		return nil, fmt.Errorf("reading %q as a directory of %s: it holds no migration", dir, tool)
	}
	for i, v := range d.Versions {
		if slices.Contains(d.Versions[:i], v) {
			return nil, fmt.Errorf("reading %q as a directory of %s: version %q is there twice", dir, tool, v)
		}
	}
	return d, nil
}

var readers = map[string]func(string) (*Directory, error){
	"goose": readGoose, "golang-migrate": readGolangMigrate, "flyway": readFlyway, "liquibase": readLiquibase, "atlas": readAtlas,
}

func readGoose(path string) (*Directory, error) {
	dir, err := sqltool.NewGooseDir(path)
	if err != nil {
		return nil, err
	}
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		if !strings.Contains(string(f.Bytes()), "-- +goose Up") {
			return nil, fmt.Errorf("%q has no line -- +goose Up", f.Name())
		}
		if _, err := f.StmtDecls(); err != nil {
			return nil, err
		}
		names = append(names, f.Name())
	}
	programs, err := filepath.Glob(filepath.Join(path, "[0-9]*_*.go"))
	if err != nil {
		return nil, err
	}
	for _, p := range programs { // migrations that are written in Go
		if !strings.HasSuffix(p, "_test.go") {
			names = append(names, filepath.Base(p))
		}
	}
	return numbered(names)
}

func readGolangMigrate(path string) (*Directory, error) {
	dir, err := sqltool.NewGolangMigrateDir(path)
	if err != nil {
		return nil, err
	}
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return numbered(names)
}

// numbered orders files by the number that their names begin with.
func numbered(names []string) (*Directory, error) {
	d := &Directory{}
	for _, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		if digits == "" || len(digits) > 20 || strings.Trim(digits, "0123456789") != "" {
			return nil, fmt.Errorf("%q does not begin with a number and an underscore", name)
		}
		d.Versions = append(d.Versions, plainNumber(digits))
	}
	slices.SortFunc(d.Versions, change.CompareVersions)
	return d, nil
}

func plainNumber(digits string) string {
	if s := strings.TrimLeft(digits, "0"); s != "" {
		return s
	}
	return "0"
}

func readFlyway(path string) (*Directory, error) {
	local, err := atlas.NewLocalDir(path)
	if err != nil {
		return nil, err
	}
	files, err := (&sqltool.FlywayDir{FS: local}).Files()
	if err != nil {
		return nil, err
	}
	d := &Directory{}
	for _, f := range files {
		switch name := filepath.Base(f.Name()); name[0] {
		case 'B':
			return nil, fmt.Errorf("%q stands for others; move it away, so that the versions are listed that databases have run", f.Name())
		case 'R':
			d.LeftOut = append(d.LeftOut, f.Name())
		default:
			v, err := dotted(f.Version())
			if err != nil {
				return nil, fmt.Errorf("%q: %w", f.Name(), err)
			}
			d.Versions = append(d.Versions, v)
		}
	}
	slices.SortFunc(d.Versions, compareDotted)
	return d, nil
}

func readAtlas(path string) (*Directory, error) {
	dir, err := atlas.NewLocalDir(path)
	if err != nil {
		return nil, err
	}
	if err := atlas.Validate(dir); err != nil {
		return nil, fmt.Errorf("%w; check what changed, then run atlas migrate hash", err)
	}
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	d := &Directory{}
	for _, f := range files {
		d.Versions = append(d.Versions, f.Version())
	}
	return d, nil
}

func readLiquibase(path string) (*Directory, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".xml", ".yaml", ".yml", ".json":
			return nil, fmt.Errorf("%q is a changelog of another format than SQL; write its change sets as formatted SQL, or bring the database to its end and list the change sets by hand", e.Name())
		}
	}
	dir, err := sqltool.NewLiquibaseDir(path)
	if err != nil {
		return nil, err
	}
	files, err := dir.Files()
	if err != nil {
		return nil, err
	}
	d := &Directory{}
	for _, f := range files {
		sets, err := changeSets(f.Name(), string(f.Bytes()))
		if err != nil {
			return nil, err
		}
		d.Versions = append(d.Versions, sets...)
	}
	return d, nil
}
