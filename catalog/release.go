package main

import (
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/catalog/progress"
	"github.com/sluice-ci/sluice/catalog/release"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/internal/trust"
)

func newRelease() *cobra.Command {
	var o release.Options
	var platforms string
	access := &registry.Options{Trust: &trust.Options{}}
	cmd := &cobra.Command{
		Use:   "release --registry=HOST/PATH",
		Short: "Build and push all images, and write every Task and Pipeline by digest",
		Long: `Build and push all images, and write every Task and Pipeline by digest.

Images whose sources did not change are found in the registry and not built. The folder --out is replaced as a whole: a folder a task or
pipeline and version, as Artifact Hub reads it, install.yaml for a cluster, and release.json, which says what is in it.

Without --version this is a development release: image tags end in -dev and may move. With --version, a task's version that was
released before with another content is refused.`,
		Example: `  catalog release --registry=registry.example.com/sluice
  catalog release --registry=registry.example.com/sluice --platforms=linux/amd64,linux/arm64 --version=1.2.0`,
		Args: cobra.NoArgs,
	}
	root := rootFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Registry, "registry", "", "Registry and path to push to; each task's image is a repository below it")
	f.StringVar(&platforms, "platforms", "linux/"+runtime.GOARCH, "Platforms to build for, comma-separated; this machine's by default")
	f.StringVar(&o.Out, "out", "dist", "Folder to write; replaced as a whole")
	f.StringVar(&o.Version, "version", "", "Version of the release, x.y.z; empty for a development release")
	f.StringVar(&o.Namespace, "namespace", "sluice", "Namespace that the catalog will be installed into")
	f.StringVar(&access.DockerConfig, "dockerconfig", "", "Folder with a config.json of registry credentials; your own docker config by default")
	f.StringVar(&access.Trust.Dir, "ca", "", "Folder with certificate authorities (*.crt, *.pem) to trust besides the system's")
	f.StringSliceVar(&access.PlainHTTP, "plain-http-registries", nil, "Registry hosts, with port, to speak plain HTTP to")
	_ = cmd.RegisterFlagCompletionFunc("platforms", cobra.FixedCompletions([]string{"linux/amd64", "linux/arm64", "linux/amd64,linux/arm64"}, cobra.ShellCompDirectiveNoFileComp))
	for _, dir := range []string{"out", "dockerconfig", "ca"} {
		_ = cmd.MarkFlagDirname(dir)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if o.Registry == "" {
			return task.Misconfigured("no registry is given").WithRemedy("say where to push: --registry=registry.example.com/sluice")
		}
		if o.Platforms, err = release.Platforms(platforms); err != nil {
			return err
		}
		if o.Tree, err = loadTree(*root); err != nil {
			return err
		}
		if o.Client, err = access.Client(); err != nil {
			return err
		}
		o.Progress = progress.New(cmd.ErrOrStderr())
		m, err := release.Run(cmd.Context(), o)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "next: catalog install -f %s\n", filepath.Join(o.Out, "install.yaml"))
		for _, i := range m.Images {
			fmt.Fprintln(cmd.OutOrStdout(), i.Ref)
		}
		return nil
	}
	return cmd
}
