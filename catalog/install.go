package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/catalog/install"
	"github.com/sluice-ci/sluice/catalog/progress"
	"github.com/sluice-ci/sluice/internal/task"
)

// clusterFlags are what install and uninstall share.
type clusterFlags struct {
	kubeconfig, context, namespace string
	timeout                        time.Duration
	dryRun                         bool
}

func (c *clusterFlags) add(cmd *cobra.Command, dryRun string) {
	f := cmd.Flags()
	f.StringVar(&c.kubeconfig, "kubeconfig", "", "Kubeconfig file; KUBECONFIG or ~/.kube/config by default")
	f.StringVar(&c.context, "context", "", "Context of the kubeconfig; its current one by default")
	f.StringVarP(&c.namespace, "namespace", "n", "", "The catalog's namespace; the one in the release by default")
	f.DurationVar(&c.timeout, "timeout", 2*time.Minute, "How long to try while the cluster or Tekton's webhook is starting")
	f.BoolVar(&c.dryRun, "dry-run", false, dryRun)
}

func newInstall() *cobra.Command {
	var flags clusterFlags
	var file string
	var prune bool
	var runsIn []string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Apply a release to the current cluster",
		Long: `Apply a release to the current cluster, by server-side apply, and wait until it is there.

It applies a namespace, the tasks and pipelines, and a role by which whoever may log in can read them; nothing for the whole cluster. Tasks
call no Kubernetes API, so runs need no role: --runs-in makes a service account without token, sluice-run, in a team's namespace.`,
		Example: `  catalog install
  catalog install --dry-run
  catalog install --runs-in=team-a,team-b
  catalog install -f dist/install.yaml --namespace=ci-catalog --prune`,
		Args: cobra.NoArgs,
	}
	flags.add(cmd, "Ask the cluster what would change, and change nothing")
	cmd.Flags().StringVarP(&file, "filename", "f", "dist/install.yaml", "What catalog release wrote")
	cmd.Flags().BoolVar(&prune, "prune", false, "Delete tasks and pipelines of an earlier release that this one does not have")
	cmd.Flags().StringSliceVar(&runsIn, "runs-in", nil, "Namespaces, which exist, to make the service account sluice-run in")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return task.Misconfigured("reading the release: %w", err).WithRemedy("make one with catalog release, or name it with -f")
		}
		objects, err := install.Objects(file, data)
		if err != nil {
			return err
		}
		if flags.namespace == "" {
			flags.namespace = namespaceOf(objects)
		}
		if err := install.Into(flags.namespace, objects); err != nil {
			return err
		}
		for _, ns := range runsIn {
			account, err := install.RunAccount(ns)
			if err != nil {
				return task.Misconfigured("--runs-in: %w", err).WithRemedy("name namespaces, comma-separated")
			}
			objects = append(objects, account)
		}
		return apply(cmd, flags, objects, prune)
	}
	return cmd
}

func namespaceOf(objects []*unstructured.Unstructured) string {
	for _, o := range objects {
		if o.GetKind() == "Namespace" {
			return o.GetName()
		}
	}
	return "sluice"
}

func apply(cmd *cobra.Command, flags clusterFlags, objects []*unstructured.Unstructured, prune bool) error {
	cluster, err := install.Connect(flags.kubeconfig, flags.context)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("installing %d objects into %s of %s", len(objects), flags.namespace, cluster.Host)
	if flags.dryRun {
		what = "dry run: " + what
	}
	var report *install.Report
	err = progress.New(cmd.ErrOrStderr()).Do(what, func(s *progress.Step) (err error) {
		options := install.Options{Namespace: flags.namespace, DryRun: flags.dryRun, Prune: prune, Timeout: flags.timeout}
		report, err = cluster.Apply(cmd.Context(), objects, options, func(name string) { s.Quietly(name) })
		if report != nil {
			s.Done("%d created, %d changed, %d unchanged", len(report.Created), len(report.Changed), len(report.Unchanged))
		}
		return err
	})
	if err != nil {
		return err
	}
	tell(cmd.OutOrStdout(), report, flags, prune)
	return nil
}

// tell lists what became of the objects, and how to use what is there now.
func tell(w io.Writer, r *install.Report, flags clusterFlags, prune bool) {
	for _, list := range []struct {
		verb  string
		names []string
	}{{"created", r.Created}, {"changed", r.Changed}, {"unchanged", r.Unchanged}} {
		for _, name := range list.names {
			fmt.Fprintf(w, "%-9s  %s\n", list.verb, name)
		}
	}
	for _, name := range r.Left {
		switch {
		case prune && !flags.dryRun:
			fmt.Fprintf(w, "%-9s  %s\n", "deleted", name)
		default:
			fmt.Fprintf(w, "%-9s  %s, which this release does not have; --prune deletes it\n", "left", name)
		}
	}
	if flags.dryRun {
		return
	}
	fmt.Fprintf(w, `
Reference a task from any namespace:
  taskRef:
    resolver: cluster
    params: [{name: kind, value: task}, {name: name, value: <task>}, {name: namespace, value: %[1]s}]
List them: kubectl -n %[1]s get tasks,pipelines
`, flags.namespace)
}

func newUninstall() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Delete what install applied",
		Long: `Delete what install applied, found by its labels in the namespace. The namespace goes too, if install made it and it holds nothing of
anybody else: no run, no claim, no secret. Service accounts in teams' namespaces stay.`,
		Example: `  catalog uninstall --dry-run
  catalog uninstall --namespace=ci-catalog`,
		Args: cobra.NoArgs,
	}
	flags.add(cmd, "Say what would be deleted, and delete nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.namespace == "" {
			flags.namespace = "sluice"
		}
		return remove(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), flags)
	}
	return cmd
}

func remove(ctx context.Context, stdout, stderr io.Writer, flags clusterFlags) error {
	cluster, err := install.Connect(flags.kubeconfig, flags.context)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("uninstalling from %s of %s", flags.namespace, cluster.Host)
	verb := "deleted"
	if flags.dryRun {
		what, verb = "dry run: "+what, "would go"
	}
	return progress.New(stderr).Do(what, func(s *progress.Step) error {
		removal, err := cluster.Remove(ctx, flags.namespace, flags.timeout, flags.dryRun)
		if removal != nil {
			s.Done("%d objects; namespace %s", len(removal.Deleted), strings.TrimSpace(removal.Namespace))
			for _, name := range removal.Deleted {
				fmt.Fprintf(stdout, "%-9s  %s\n", verb, name)
			}
		}
		return err
	})
}
