package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/task"
)

func newAdmission() *cobra.Command {
	var environment, engine string
	cmd := &cobra.Command{
		Use:   "admission POLICY",
		Short: "Render what a cluster enforces a promotion policy with",
		Long: `Render what a cluster enforces a promotion policy with.

Namespaces with the label ` + admission.NamespaceLabel + `=<environment> then run only images of the environment's repository, by digest.
The engine vap is Kubernetes' own ValidatingAdmissionPolicy, tried against a real API server. kyverno and policy-controller also ask for
signatures and predicates; their manifests are checked against the definitions of Kyverno 1.19 and policy-controller 0.13, and no more was
tried. The policy-controller acts in namespaces labelled policy.sigstore.dev/include=true.`,
		Example: `  catalog admission policy.yaml --environment=prod | kubectl apply -f -
  catalog admission policy.yaml --environment=prod --engine=kyverno`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return task.Misconfigured("reading policy: %w", err)
			}
			p, err := policy.Parse(text)
			if err != nil {
				return task.Misconfigured("%w", err)
			}
			out, err := admission.Render(p, environment, admission.Engine(engine))
			if err != nil {
				return task.Misconfigured("%w", err)
			}
			_, err = cmd.OutOrStdout().Write(out)
			return err
		},
	}
	cmd.Flags().StringVar(&environment, "environment", "", "Environment of the policy")
	cmd.Flags().StringVar(&engine, "engine", string(admission.ValidatingAdmissionPolicy), "What enforces: "+strings.Join(admission.Engines, ", "))
	_ = cmd.MarkFlagRequired("environment")
	_ = cmd.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions(admission.Engines, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
