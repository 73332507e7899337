//go:build e2e

// Package e2e runs the catalog on a real cluster as a product team would: every
// sample and every pipeline, in namespaces that enforce the restricted Pod
// Security Standard, from images that were released from this very tree.
//
// It needs the variables of .sluice/cluster/env and an installed catalog:
// `make test-e2e` provides both. A missing one fails.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/sluice-ci/sluice/tests/team"
)

var (
	cluster  *team.Cluster
	fixtures team.Fixtures
)

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if cluster, err = team.Connect(); err != nil {
		return 1, err
	}
	stop, err := provide(ctx)
	if err != nil {
		return 1, err
	}
	defer stop()
	code = m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" {
		err = everySampleRan()
	}
	return code, errors.Join(err, waitUntilGone(ctx))
}
