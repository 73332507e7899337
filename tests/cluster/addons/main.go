// Command addons is what the one-machine cluster runs beside Kubernetes, in one binary chosen by its first argument: CoreDNS with the
// plugins that the Corefile names, the distribution registry with its filesystem driver, and the volume provisioner.
//
//	addons registry serve registry.yaml
//	addons coredns -conf Corefile
//	addons provisioner --kubeconfig=admin.kubeconfig --root=/srv/volumes
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "addons: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 {
		return fmt.Errorf("want coredns, registry or provisioner as the first argument")
	}
	name := os.Args[1]
	os.Args = os.Args[1:]
	switch name {
	case "coredns":
		coremain.Run()
		return nil
	case "registry":
		return registry.RootCmd.Execute()
	case "provisioner":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return provision(ctx, os.Args[1:])
	}
	return fmt.Errorf("%q is none of coredns, registry, provisioner", name)
}
