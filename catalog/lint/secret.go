package lint

import (
	"regexp"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

var secretRules = []Rule{
	{Name: "no-secret-env", Doc: "No secret stands in a step's environment, where every child process and crash report sees it: secrets come as workspaces.", taskSpec: noSecretEnv},
	{Name: "no-secret-param", Doc: "No param carries a secret: params are stored in the TaskRun and shown to whoever may read it.", document: noSecretParam},
	{Name: "no-secret-volume", Doc: "A task mounts no Secret or host path by name: the one who runs it binds a workspace.", taskSpec: noSecretVolume},
}

const bindWorkspace = "take it from a file in an optional workspace that the run binds to a Secret"

// secretName matches names that hold a secret itself; a name that ends in what points to one is let through.
var secretName = regexp.MustCompile(`(?i)(^|[-_])(password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|credentials?)$`)

func noSecretEnv(r *report, at tree.Path, spec *v1.TaskSpec) {
	check := func(at tree.Path, what string, env []envVar, from int) {
		for i, e := range env {
			place := at.Then("env", i)
			switch {
			case e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil:
				r.found(place, bindWorkspace, "%s has the secret %q in its environment as %s", what, e.ValueFrom.SecretKeyRef.Name, e.Name)
			case secretName.MatchString(e.Name) && e.Value != "":
				r.found(place, bindWorkspace, "%s has a secret in its environment as %s", what, e.Name)
			}
		}
		if from > 0 {
			r.found(at.Then("envFrom"), "name each variable that is needed; "+bindWorkspace, "%s takes its environment whole from elsewhere", what)
		}
	}
	for i, s := range spec.Steps {
		check(at.Then("steps", i), `step "`+s.Name+`"`, s.Env, len(s.EnvFrom))
	}
	for i, s := range spec.Sidecars {
		check(at.Then("sidecars", i), `sidecar "`+s.Name+`"`, s.Env, len(s.EnvFrom))
	}
	if t := spec.StepTemplate; t != nil {
		check(at.Then("stepTemplate"), "stepTemplate", t.Env, len(t.EnvFrom))
	}
}

func noSecretParam(r *report) {
	for at, name := range r.names("params") {
		if secretName.MatchString(name) {
			r.found(at.Then("name"), bindWorkspace+"; name a param that points to it "+name+"-file", "param %q would carry a secret", name)
		}
	}
}

func noSecretVolume(r *report, at tree.Path, spec *v1.TaskSpec) {
	for i, v := range spec.Volumes {
		place := at.Then("volumes", i)
		switch s := v.VolumeSource; {
		case s.Secret != nil:
			r.found(place, bindWorkspace, "volume %q mounts the secret %q by name", v.Name, s.Secret.SecretName)
		case s.HostPath != nil:
			r.found(place, "use emptyDir for scratch space, or a workspace", "volume %q mounts the node's %s", v.Name, s.HostPath.Path)
		case s.EmptyDir == nil && s.DownwardAPI == nil:
			r.found(place, "use emptyDir or downwardAPI, and workspaces for what comes from outside", "volume %q is neither scratch space nor the pod's own facts", v.Name)
		}
	}
	for i, s := range spec.Steps {
		for j, m := range s.VolumeMounts {
			if strings.HasPrefix(m.Name, "$(") {
				r.found(at.Then("steps", i, "volumeMounts", j), "name the volume, or declare a workspace", "step %q mounts a volume that a variable names", s.Name)
			}
		}
	}
}
