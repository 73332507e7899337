package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var argsRules = []Rule{
	{Name: "no-script", Doc: "A step is a command with args and never a script, so that no param can become code.", taskSpec: noScript},
	{Name: "command", Doc: "A step's command is written out and absolute: /ko-app/<name> in our images, which hold no shell and no PATH to search.", taskSpec: command},
	{Name: "interpolation", Doc: "A param reaches a step as a whole argument --name=$(params.name), as a list after --, or as the image: never inside other text.", taskSpec: interpolation},
	{Name: "one-declaration", Doc: "Every param reaches a step of the task by its own name, and every other argument is a workspace, a result, run context or the placing of our binary.", document: oneDeclaration},
}

func noScript(r *report, at tree.Path, spec *v1.TaskSpec) {
	const remedy = "move the script into the task's program and call it by command and args"
	for i, s := range spec.Steps {
		if s.Script != "" {
			r.found(at.Then("steps", i, "script"), remedy, "step %q is a script", s.Name)
		}
	}
	for i, s := range spec.Sidecars {
		if s.Script != "" {
			r.found(at.Then("sidecars", i, "script"), remedy, "sidecar %q is a script", s.Name)
		}
	}
}

func command(r *report, at tree.Path, spec *v1.TaskSpec) {
	for i, s := range spec.Steps {
		field := at.Then("steps", i, "command")
		switch {
		case s.Ref != nil || s.Script != "":
		case len(s.Command) == 0:
			r.found(at.Then("steps", i), "write command: [/ko-app/<name>]", "step %q has no command", s.Name)
		case !strings.HasPrefix(s.Command[0], "/"):
			r.found(field, "write the path that the program has in the image", "command %q of step %q is not an absolute path", s.Command[0], s.Name)
		case shell.MatchString(s.Command[0]) && slices.Contains(s.Args, "-c"):
			r.found(field, "call the program itself", "step %q is a shell with -c, which is a script by another name", s.Name)
		}
	}
}

var shell = regexp.MustCompile(`/(sh|bash|ash|dash|zsh|busybox|python3?|perl|node)$`)

var (
	anyParam  = regexp.MustCompile(`\$\(params[.\[]`)
	flagParam = regexp.MustCompile(`^--([a-z0-9-]+)=\$\(params\.([A-Za-z0-9_-]+)\)$`)
	listParam = regexp.MustCompile(`^\$\(params\.([A-Za-z0-9_-]+)\[\*\]\)$`)
)

func interpolation(r *report, at tree.Path, spec *v1.TaskSpec) {
	for _, c := range containers(at, spec) {
		n, ok := r.doc.Lookup(c.at)
		if !ok {
			continue
		}
		for p, value := range scalars(n, c.at) {
			field := fmt.Sprint(p[len(c.at)])
			whole := field == "args" && (flagParam.MatchString(value) || listParam.MatchString(value)) || field == "image" && wholeParam.MatchString(value)
			if anyParam.MatchString(value) && !whole {
				r.found(p, "pass it as the whole argument --name=$(params.name) and let the program put it together", "%s puts a param into other text: %q", c.what, value)
			}
		}
	}
}

func oneDeclaration(r *report) {
	if r.doc.Task == nil {
		return
	}
	spec := &r.doc.Task.Spec
	at := tree.At("spec")
	reached := map[string]bool{}
	for i, s := range spec.Steps {
		for j, arg := range s.Args {
			if flag := flagParam.FindStringSubmatch(arg); flag != nil {
				if flag[1] != flag[2] {
					r.found(at.Then("steps", i, "args", j), fmt.Sprintf("write --%s=$(params.%s), and name the flag so in the program", flag[2], flag[2]), "param %q reaches the program as --%s", flag[2], flag[1])
				}
				reached[flag[2]] = true
			} else if list := listParam.FindStringSubmatch(arg); list != nil {
				if j == 0 || s.Args[j-1] != "--" || j != len(s.Args)-1 {
					r.found(at.Then("steps", i, "args", j), `end the args with "--" and the list, so that no element can be taken for a flag`, "list %q does not come last, after --", list[1])
				}
				reached[list[1]] = true
			} else if !otherArgument(s, j) {
				r.found(at.Then("steps", i, "args", j), "make it a param, or the program's default", "argument %q is none of: param, workspace path, result path, run context, placing", arg)
			}
		}
	}
	for i, p := range spec.Params {
		if !reached[p.Name] {
			r.found(at.Then("params", i), fmt.Sprintf("pass --%s=$(params.%s), or delete the param", p.Name, p.Name), "param %q reaches no step", p.Name)
		}
	}
}

var (
	workspaceArg = regexp.MustCompile(`^--([a-z0-9-]+)=\$\(workspaces\.([a-z0-9-]+)\.path\)$`)
	resultArg    = regexp.MustCompile(`^--result-([A-Za-z0-9_-]+)=\$\(results\.([A-Za-z0-9_-]+)\.path\)$`)
	contextArg   = regexp.MustCompile(`^--[a-z0-9-]+=\$\(context\.(taskRun|task|pipelineRun|pipeline)\.[a-z-]+\)$`)
	envArg       = regexp.MustCompile(`^--[a-z0-9-]+=\$\(([A-Z][A-Z0-9_]*)\)$`)
	placing      = regexp.MustCompile(`^--to=(/[a-z0-9-]+)+$`)
)

// otherArgument says whether argument j of a step is of one of the kinds that need no param.
func otherArgument(s v1.Step, j int) bool {
	arg := s.Args[j]
	if m := workspaceArg.FindStringSubmatch(arg); m != nil {
		return m[1] == m[2]
	}
	if m := resultArg.FindStringSubmatch(arg); m != nil {
		return m[1] == m[2]
	}
	if m := envArg.FindStringSubmatch(arg); m != nil {
		return fromPod(s, m[1])
	}
	if arg == "--" {
		return j == len(s.Args)-2
	}
	return contextArg.MatchString(arg) || arg == "place" && j == 0 || placing.MatchString(arg) && s.Args[0] == "place"
}

// fromPod says whether an environment variable is run context: taken from a label, an annotation or a field of the pod.
func fromPod(s v1.Step, name string) bool {
	return slices.ContainsFunc(s.Env, func(e envVar) bool { return e.Name == name && e.ValueFrom != nil && e.ValueFrom.FieldRef != nil })
}
