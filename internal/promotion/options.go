package promotion

import (
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/task"
)

// Options says where the promotion policy is.
type Options struct {
	Dir  string // path of the workspace "policy"; "" when it is not bound
	File string
}

// Declare adds the workspace "policy" and the param "policy" to a command.
func Declare(c *task.Command, required bool) *Options {
	o := &Options{}
	const usage = "Promotion policy, from a ConfigMap or a checkout that product teams cannot change."
	if required {
		c.Workspace(&o.Dir, "policy", usage)
	} else {
		c.OptionalWorkspace(&o.Dir, "policy", usage)
	}
	c.String(&o.File, "policy-file", "policy.yaml", "File of the workspace policy that holds the promotion policy.")
	return o
}

// Load reads the policy.
func (o *Options) Load() (*policy.Policy, error) {
	if o.Dir == "" {
		return nil, task.Misconfigured("the workspace policy is not bound").WithRemedy("bind it to what holds %s, such as a ConfigMap", o.File)
	}
	text, err := os.ReadFile(filepath.Join(o.Dir, o.File))
	if err != nil {
		return nil, task.Misconfigured("reading policy: %w", err).WithRemedy("bind the workspace policy to what holds %s", o.File)
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, task.Misconfigured("%w", err).WithRemedy("see the schema of promotion policies, which editors can check")
	}
	return p, nil
}
