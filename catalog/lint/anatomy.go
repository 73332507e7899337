package lint

import (
	"context"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"knative.dev/pkg/apis"

	"github.com/sluice-ci/sluice/catalog/tree"
)

// wellFormed has no function: its findings are the problems of loading.
var wellFormed = Rule{Name: "well-formed", Doc: "Every document is YAML that the API server takes: no unknown, repeated or mistyped field."}

var anatomyRules = []Rule{
	wellFormed,
	{Name: "tekton-valid", Doc: "Tekton's own validation accepts every document.", document: tektonValid, sample: tektonValid},
	{Name: "anatomy", Doc: "A task's folder has task.yaml, README.md, main.go, tests, samples and the list of its dependencies; a pipeline's has pipeline.yaml, README.md and samples.", unit: anatomy},
	{Name: "arrows", Doc: "No task imports another task, and nothing in internal/, images/, migrate/ or catalog/ imports a task.", tree: arrows},
}

// tektonErrors are what Tekton's webhook would say to a document.
func tektonErrors(d *tree.Document) *apis.FieldError {
	ctx := context.Background()
	switch {
	case d.Task != nil:
		return validate(ctx, d.Task.DeepCopy())
	case d.Pipeline != nil:
		return validate(ctx, d.Pipeline.DeepCopy())
	case d.TaskRun != nil:
		run := d.TaskRun.DeepCopy()
		run.Name = d.Name // as the server generates one
		return validate(ctx, run)
	case d.PipelineRun != nil:
		run := d.PipelineRun.DeepCopy()
		run.Name = d.Name
		return validate(ctx, run)
	}
	return nil
}

// Validate asks Tekton's own validation for a document; documents of other kinds pass.
func Validate(d *tree.Document) error {
	if err := tektonErrors(d); err != nil {
		return err
	}
	return nil
}

func tektonValid(r *report) {
	for _, fe := range tektonErrors(r.doc).WrappedErrors() {
		var at tree.Path
		if len(fe.Paths) > 0 {
			at = tree.ParsePath(fe.Paths[0])
		}
		remedy := fe.Details
		if remedy == "" {
			remedy = "mend it as Tekton's documentation of " + strings.ToLower(r.doc.Kind) + "s says"
		}
		r.found(at, remedy, "Tekton refuses it: %s", strings.ReplaceAll(fe.Message, "\n", " "))
	}
}

// validate judges an object as the API server would, after its defaults are set.
func validate(ctx context.Context, o interface {
	apis.Defaultable
	apis.Validatable
}) *apis.FieldError {
	o.SetDefaults(ctx)
	return o.Validate(ctx)
}

func anatomy(r *report) {
	files := map[string]string{
		"README.md":              "write when to use it, one example that can be copied, and its params and results",
		path.Base(r.unit.File()): "write it, or run `catalog new`",
	}
	if r.unit.Kind == "Task" {
		files["main.go"] = "write the task's program, at most 40 lines: flags, wiring, exit code"
		files["deps.txt"] = "run `go test ./" + r.unit.Dir + " -update` and review the list"
		files["*_test.go"] = "write tests, and one line that calls contract.Check"
	}
	for pattern, remedy := range files {
		if m, _ := filepath.Glob(filepath.Join(r.tree.Root, filepath.FromSlash(r.unit.Dir), pattern)); len(m) == 0 {
			r.foundIn(path.Join(r.unit.Dir, pattern), 1, remedy, "%s %q has no %s", r.unit.Kind, r.unit.Name, pattern)
		}
	}
}

func arrows(r *report) {
	for _, top := range []string{"tasks", "internal", "images", "migrate", "catalog"} {
		root := filepath.Join(r.tree.Root, top)
		_ = filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() && e.Name() == "testdata" {
				return fs.SkipDir
			}
			if strings.HasSuffix(file, ".go") {
				r.imports(file)
			}
			return nil
		})
	}
}

// imports finds what a Go file imports against the direction of the arrows.
func (r *report) imports(file string) {
	rel, err := filepath.Rel(r.tree.Root, file)
	if err != nil {
		return
	}
	rel = filepath.ToSlash(rel)
	src, err := os.ReadFile(file)
	if err != nil {
		return
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, src, parser.ImportsOnly)
	if err != nil {
		return // the compiler says it better
	}
	for _, spec := range parsed.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		task, ok := strings.CutPrefix(imported, r.tree.Module+"/tasks/")
		if !ok || strings.HasPrefix(rel, "tasks/"+strings.Split(task, "/")[0]+"/") {
			continue
		}
		r.foundIn(rel, set.Position(spec.Pos()).Line, "move what both need into internal/", "%s imports the task %s", path.Dir(rel), task)
	}
}
