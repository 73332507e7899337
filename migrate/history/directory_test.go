package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sluice-ci/sluice/migrate/change"
)

// lay writes the files of an archive into a directory.
func lay(t *testing.T, archive string) string {
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, f.Data, 0o644))
	}
	return dir
}

const (
	gooseFile     = "-- +goose Up\nCREATE TABLE t (id int);\n-- +goose Down\nDROP TABLE t;\n"
	liquibaseFile = "--liquibase formatted sql\n\n--changeset ada:1\nCREATE TABLE t (id int);\n--rollback DROP TABLE t;\n\n-- changeset \"Grace Hopper\":\"add name\" dbms:postgresql\nALTER TABLE t ADD name text;\n"
)

func TestVersionsAreListedInTheOrderOfTheTool(t *testing.T) {
	for _, c := range []struct {
		tool, files       string
		versions, leftOut []string
	}{
		{"goose", "-- 00002_b.sql --\n" + gooseFile + "-- 00010_c.sql --\n" + gooseFile + "-- 00001_a.sql --\n" + gooseFile + "-- 00003_x.go --\npackage m\n-- 00003_x_test.go --\n-- readme.md --\n", []string{"1", "2", "3", "10"}, nil},
		{"golang-migrate", "-- 9_b.up.sql --\n-- 9_b.down.sql --\n-- 10_c.up.sql --\n-- 0001_a.up.sql --\n", []string{"1", "9", "10"}, nil},
		{"flyway", "-- V1__a.sql --\n-- V01_2__b.sql --\n-- more/V1.10__c.sql --\n-- V2.0__d.sql --\n-- U2.0__d.sql --\n-- R__views.sql --\n-- beforeMigrate.sql --\n", []string{"1", "1.2", "1.10", "2"}, []string{"R__views.sql"}},
		{"liquibase", "-- 001.sql --\n" + liquibaseFile, []string{"001.sql::1::ada", "001.sql::add name::Grace Hopper"}, nil},
	} {
		t.Run(c.tool, func(t *testing.T) {
			d, err := Read(c.tool, lay(t, c.files))
			require.NoError(t, err)
			require.Equal(t, c.versions, d.Versions)
			require.Equal(t, c.leftOut, d.LeftOut)
		})
	}
	d, err := Read("atlas", "../change/testdata/atlas")
	require.NoError(t, err)
	require.Equal(t, []string{"20260101000000", "20260102000000"}, d.Versions)
}

func TestADirectoryThatWouldHaveToBeGuessedAtIsRefused(t *testing.T) {
	for _, c := range []struct{ name, tool, files, says string }{
		{"an unknown tool", "rails", "-- 1.sql --\n", "is none of atlas, flyway, golang-migrate, goose, liquibase"},
		{"an empty directory", "goose", "-- readme.md --\n", "it holds no migration"},
		{"another tool's files", "goose", "-- 1_a.sql --\nSELECT 1;\n", "has no line -- +goose Up"},
		{"goose's marks in the wrong order", "goose", "-- 1_a.sql --\n-- +goose Down\n-- +goose Up\n", "unexpected"},
		{"a file without number", "goose", "-- a_b.sql --\n" + gooseFile, "does not begin with a number"},
		{"one version twice", "golang-migrate", "-- 1_a.up.sql --\n-- 01_b.up.sql --\n", `version "1" is there twice`},
		{"one Flyway version twice", "flyway", "-- V1__a.sql --\n-- V1.0__b.sql --\n", `version "1" is there twice`},
		{"a Flyway baseline", "flyway", "-- B5__all.sql --\n", "stands for others"},
		{"a Flyway version of letters", "flyway", "-- Vx__a.sql --\n", "is not made of numbers"},
		{"an XML changelog", "liquibase", "-- root.xml --\n<databaseChangeLog/>\n", "another format than SQL"},
		{"a YAML changelog", "liquibase", "-- root.yaml --\n-- a.sql --\n" + liquibaseFile, "another format than SQL"},
		{"SQL that is not formatted", "liquibase", "-- a.sql --\nSELECT 1;\n", "does not begin with --liquibase formatted sql"},
		{"a change set without author", "liquibase", "-- a.sql --\n--liquibase formatted sql\n--changeset 1\n", "not named author:id"},
		{"an Atlas directory without sum", "atlas", "-- 1_a.sql --\nSELECT 1;\n", "atlas migrate hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(c.tool, lay(t, c.files))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func FuzzChangeSets(f *testing.F) {
	f.Add(liquibaseFile)
	f.Add("-- liquibase formatted sql\n--changeset a:b\n--CHANGESET :x\n")
	f.Add("\ufeff--liquibase formatted sql\r\n--changeset \"a:b\":c runOnChange:true\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		sets, err := changeSets("dir/a.sql", text)
		if err != nil {
			return
		}
		for _, s := range sets {
			require.True(t, strings.HasPrefix(s, "a.sql::"), s)
			require.NotContains(t, s, "\n")
		}
	})
}

func FuzzDotted(f *testing.F) {
	for _, s := range []string{"1", "01.2", "1_2", "1.2.0.0", "0", "0.0", "..", "99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := dotted(s)
		if err != nil {
			return
		}
		again, err := dotted(v)
		require.NoError(t, err)
		require.Equal(t, v, again, "one spelling")
		require.Zero(t, compareDotted(v, v))
		require.Negative(t, compareDotted(v, v+".1"))
	})
}

func TestFlywayVersionsAreComparedAsNumbers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"1.9", "1.10", -1}, {"2", "10", -1}, {"1.2", "1.2.1", -1}, {"20260101120000", "7", 1}} {
		require.Equal(t, c.want, compareDotted(c.a, c.b), "%s and %s", c.a, c.b)
	}
	require.Equal(t, []string{"atlas", "flyway", "golang-migrate", "goose", "liquibase"}, change.Tools())
}
