// Package scaffold begins a task: a folder that keeps every rule of the catalog and passes its own tests from the first minute.
//
// It promises a working task, not a form to fill in: the program counts what it is given and refuses when there is nothing, which is the
// shape of every gate. It refuses a name that cannot be a task's, and a folder that exists.
//
//	files, err := scaffold.Write(".", scaffold.Task{Name: "licence-gate", Summary: "Refuse a change that adds a forbidden licence."})
package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/sluice-ci/sluice/internal/task"
)

//go:embed templates
var templates embed.FS

// A Task is what a new task is called and does.
type Task struct {
	Name     string // lower-case words with dashes
	Summary  string // one sentence with its full stop
	Category string // one of Tekton's hub
	Module   string // Go module of the catalog
}

var (
	taskName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	sentence = regexp.MustCompile(`^[A-Z][^\n"]{13,118}\.$`)
)

// Title is the name as people say it: Licence gate.
func (t Task) Title() string {
	words := strings.ReplaceAll(t.Name, "-", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// Tags are the words of the name.
func (t Task) Tags() string { return strings.ReplaceAll(t.Name, "-", ", ") }

func (t Task) check() error {
	if !taskName.MatchString(t.Name) || len(t.Name) > 50 {
		return task.Misconfigured("%q cannot be a task's name", t.Name).WithRemedy("use lower-case words with dashes, at most 50 characters, such as licence-gate")
	}
	if !sentence.MatchString(t.Summary) {
		return task.Misconfigured("the summary %q is not a sentence", t.Summary).WithRemedy(`say what the task does in 15 to 120 characters, with a capital and a full stop: "Refuse a change that adds a forbidden licence."`)
	}
	return nil
}

// Write makes the folder tasks/<name> under root and returns the files in it, relative to root.
func Write(root string, t Task) ([]string, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "tasks", t.Name)
	if _, err := os.Lstat(dir); err == nil {
		return nil, task.Misconfigured("%s is there already", filepath.ToSlash(filepath.Join("tasks", t.Name))).WithRemedy("choose another name, or work in that folder")
	}
	var files []string
	err := fs.WalkDir(templates, "templates", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel := strings.TrimSuffix(strings.TrimPrefix(path, "templates/"), ".tmpl")
		files = append(files, "tasks/"+t.Name+"/"+rel)
		return t.write(path, filepath.Join(dir, filepath.FromSlash(rel)))
	})
	return files, err
}

func (t Task) write(from, to string) error {
	text, err := templates.ReadFile(from)
	if err != nil {
		return err
	}
	// The templates are full of $(…) and {{}} of none but this one, so the delimiters are others.
	parsed, err := template.New(from).Delims("<<", ">>").Parse(string(text))
	if err != nil {
		return fmt.Errorf("reading the template %s: %w", from, err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, t); err != nil {
		return fmt.Errorf("filling the template %s: %w", from, err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("writing %q: %w", to, err)
	}
	if err := os.WriteFile(to, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing %q: %w", to, err)
	}
	return nil
}
