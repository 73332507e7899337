package contract

import (
	"testing"

	"github.com/stretchr/testify/require"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"

	"github.com/sluice-ci/sluice/internal/task"
)

// param is what task.yaml and the binary both say of one param.
type param struct {
	Name, Type, Default, Description string
	Required                         bool
}

func params(t *testing.T, c *task.Command, spec *v1.Task) {
	want := map[string]param{}
	for _, f := range c.Flags {
		switch f.Kind {
		case task.KindParam:
			want[f.Name] = param{f.Name, "string", f.Default, fold(f.Usage), f.Required}
		case task.KindList:
			want[f.Name] = param{f.Name, "array", "", fold(f.Usage), false}
		}
	}
	got := map[string]param{}
	for _, p := range spec.Spec.Params {
		one := param{Name: p.Name, Type: string(p.Type), Description: fold(p.Description), Required: p.Default == nil}
		if one.Type == "" {
			one.Type = "string"
		}
		if p.Default != nil && one.Type == "string" {
			one.Default = p.Default.StringVal
		}
		if p.Default != nil && one.Type == "array" {
			require.Emptyf(t, p.Default.ArrayVal, "the default of the list %s is []", p.Name)
		}
		got[p.Name] = one
	}
	require.Equal(t, want, got, "params of task.yaml (actual) against flags of the binary (expected)")
}

// bound is what task.yaml and the binary both say of one workspace or result.
type bound struct {
	Name, Description string
	Optional          bool
}

func workspaces(t *testing.T, c *task.Command, spec *v1.Task) {
	want, got := map[string]bound{}, map[string]bound{}
	for _, f := range c.Flags {
		if f.Kind == task.KindWorkspace {
			want[f.Name] = bound{f.Name, fold(f.Usage), !f.Required}
		}
	}
	for _, w := range spec.Spec.Workspaces {
		got[w.Name] = bound{w.Name, fold(w.Description), w.Optional}
	}
	require.Equal(t, want, got, "workspaces of task.yaml (actual) against flags of the binary (expected)")
}

func results(t *testing.T, c *task.Command, spec *v1.Task) {
	want, got := map[string]bound{}, map[string]bound{}
	for _, r := range c.Results {
		want[r.Name] = bound{Name: r.Name, Description: fold(r.Usage)}
	}
	for _, r := range spec.Spec.Results {
		require.Containsf(t, []string{"", "string"}, string(r.Type), "result %s is a string", r.Name)
		got[r.Name] = bound{Name: r.Name, Description: fold(r.Description)}
	}
	require.Equal(t, want, got, "results of task.yaml (actual) against results of the binary (expected)")
}
