// Package predicate is what a gate leaves in the workspace reports: its verdict, with the numbers, the rule, the commit and
// the run, as an in-toto predicate file whose digest is a result of the task. A predicate is not signed, and the workspace can
// be written by the code under test; package evidence has what attest makes of it.
package predicate

import (
	"github.com/sluice-ci/sluice/internal/task"
)

// Options says where a task leaves its evidence and of which commit and run it
// speaks.
type Options struct {
	Reports string // directory of the workspace "reports"
	Commit  string // the commit judged, 40 hex digits; "" when the caller does not know it
	RunName string // name of the PipelineRun; "" outside a pipeline
	RunUID  string // UID of the TaskRun; "" outside Tekton
}

// Declare adds the workspace "reports", the param "commit" and the run's
// context to a command.
func Declare(c *task.Command) *Options {
	o := &Options{}
	c.OutputWorkspace(&o.Reports, "reports", "Where reports and evidence are written.")
	c.String(&o.Commit, "commit", "", "Commit that is judged; it is named in the evidence.")
	c.Context(&o.RunName, "run-name", task.PipelineRunName, "Name of the PipelineRun; it is named in the evidence.")
	c.Context(&o.RunUID, "run-uid", task.TaskRunUID, "UID of the TaskRun; it is named in the evidence.")
	return o
}

// DeclareResult adds the result PREDICATE_DIGEST, by which attest recognises
// the predicate file that this very task wrote.
func DeclareResult(c *task.Command) {
	c.Result("PREDICATE_DIGEST", "Digest of the evidence in reports, as sha256:… .")
}
