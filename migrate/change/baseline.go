package change

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Baseline takes a database over from another migration tool: nothing is run, and what the tool says to have done is checked.
type Baseline struct {
	Tool     string   `json:"tool" doc:"Tool that brought the database to where it is: goose, golang-migrate, flyway, liquibase or atlas."`
	Table    string   `json:"table,omitempty" doc:"Table in which that tool keeps its history, or schema.table. Default: the tool's own."`
	Versions []string `json:"versions" doc:"Versions that the history must hold, all of them and no other."`
}

// histories names the table in which each tool keeps its history unless it is told otherwise.
var histories = map[string]string{
	"goose": "goose_db_version", "golang-migrate": "schema_migrations", "flyway": "flyway_schema_history",
	"liquibase": "databasechangelog", "atlas": "atlas_schema_revisions.atlas_schema_revisions",
}

// Tools lists the tools that a baseline knows.
func Tools() []string { return slices.Sorted(maps.Keys(histories)) }

// History is the table in which the tool keeps what it has done.
func (b *Baseline) History() string {
	if b.Table != "" {
		return b.Table
	}
	return histories[b.Tool]
}

func (b *Baseline) check(c *Change) error {
	if histories[b.Tool] == "" {
		return fmt.Errorf("tool %q is none of %s", b.Tool, strings.Join(Tools(), ", "))
	}
	if len(c.Operations) > 1 {
		return fmt.Errorf("a baseline stands alone; put the other operations into a change of their own")
	}
	return nil
}

// WriteBaseline begins a directory of changes with a baseline, and returns the path of its file. The folder bears the last version where
// that is a number, and the time otherwise.
func WriteBaseline(dir, description string, b Baseline, now time.Time) (string, error) {
	there, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", fmt.Errorf("writing a baseline: %w", err)
	}
	if len(there) > 0 {
		return "", fmt.Errorf("writing a baseline: %q holds something already, and a baseline comes first; name another directory", dir)
	}
	version := now.UTC().Format("20060102150405")
	if last := b.Versions[len(b.Versions)-1]; isVersion(last) {
		version = last
	}
	text, err := yaml.Marshal(map[string]any{"description": description, "operations": []any{map[string]any{"baseline": b}}})
	if err != nil {
		return "", fmt.Errorf("writing a baseline: %w", err)
	}
	folder := version + "_" + b.Tool + "_baseline"
	if _, err := Parse(folder, text, nil); err != nil {
		return "", err
	}
	path := filepath.Join(dir, folder, FileName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("writing a baseline: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", fmt.Errorf("writing a baseline: %w", err)
	}
	return path, WriteSum(dir)
}
