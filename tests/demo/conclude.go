package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/tests/team"
)

// conclude tells how the run ended, and what a person may look at next.
func (t *productTeam) conclude(o *team.Outcome, s scenario) {
	title("How long each step took")
	for _, one := range o.Tasks {
		fmt.Printf("  %-14s %s\n", one.Task, one.Took.Round(time.Second))
	}
	fmt.Printf("  %-14s %s\n", "all of it", o.Took.Round(time.Second))
	kubectl := fmt.Sprintf("%s --kubeconfig=%s -n %s", relative(t.namespace.Kubectl), relative(os.Getenv("KUBECONFIG")), t.namespace.Name)
	if s.refuses != "" {
		t.concludeRefusal(o, kubectl)
		return
	}
	title("Promoted")
	fmt.Println("  digest      ", o.Results["IMAGE_DIGEST"])
	fmt.Println("  reference   ", o.Results["promoted"])
	fmt.Println("  coverage    ", o.Results["coverage"]+" %")
	fmt.Println("  SBOM        ", o.Results["packages"], "packages")
	next(
		"make demo-refused", "a commit whose coverage fell",
		kubectl+" get pipelineruns", "the runs, as Kubernetes sees them",
		kubectl+" logs -l tekton.dev/pipelineTask=summary --tail=-1", "the summary that the pipeline wrote")
}

// concludeRefusal shows the words with which the gate said no.
func (t *productTeam) concludeRefusal(o *team.Outcome, kubectl string) {
	for _, one := range o.Tasks {
		if one.Status != "Failed" {
			continue
		}
		title("Refused by " + one.Task + ", and nothing was built or promoted")
		lines := strings.Split(strings.TrimSpace(one.Log), "\n")
		for _, line := range lines[max(0, len(lines)-8):] {
			fmt.Println("  " + line)
		}
	}
	next(
		kubectl+" get taskruns", "what ran, and what did not",
		kubectl+" logs -l tekton.dev/pipelineTask=summary --tail=-1", "the summary, written also when a gate refused",
		"make demo", "the commit before it, which is promoted")
}

// next lists commands with what they show.
func next(commands ...string) {
	title("Try next")
	for i := 0; i+1 < len(commands); i += 2 {
		fmt.Printf("  %s\n      %s\n", commands[i], commands[i+1])
	}
}
