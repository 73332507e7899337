//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/tests/team"
)

// provide pushes what the samples' placeholders stand for and serves the sample
// service's repository, until stop is called.
func provide(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	toolchain, err := cluster.Toolchain(ctx)
	if err != nil {
		return nil, err
	}
	app, err := cluster.AppImage(ctx, "../app")
	if err != nil {
		return nil, err
	}
	git, err := cluster.ServeGit(ctx, "../app")
	if err != nil {
		return nil, fmt.Errorf("serving the sample repository: %w", err)
	}
	fixtures = team.Fixtures{
		Registry: cluster.Registry,
		GitURL:   git,
		Images:   map[string]string{"toolchain/go": toolchain, "team/app": app},
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(cluster.StopGit(ctx), cluster.StopCanaries(ctx)); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
		}
	}, nil
}

// canaries are served once, and only if a run names them: their Prometheus is
// built from its module, which takes minutes on a machine that never did.
var canaries = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	return cluster.ServeCanaries(ctx, "../..", fixtures.Images["team/app"])
})

// needsCanaries tells whether a run asks the canaries or their Prometheus.
func needsCanaries(manifest []byte) bool {
	return bytes.Contains(manifest, []byte("http://prometheus.monitoring:9090")) || bytes.Contains(manifest, []byte(".canaries:8080"))
}
