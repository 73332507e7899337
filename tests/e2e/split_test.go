//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	v1 "github.com/sluice-ci/sluice/pipelines/expand/samples/split/v1"
	v2 "github.com/sluice-ci/sluice/pipelines/expand/samples/split/v2"
)

// TestPipelinesSplitAColumn takes the split from the first commit to the drop with the pipelines' samples, while the application's two
// versions read and write without a pause, each in the phases in which it is deployed.
func TestPipelinesSplitAColumn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "pipelines-split")
	known := &names{byID: map[int64]string{}}
	stopV1 := d.deploy(t, "shop-1", versionOne, known)
	d.sample(t, "pipelines/expand/samples/split")
	stopV2 := d.deploy(t, "shop-2", versionTwo, known)
	time.Sleep(3 * time.Second) // side by side
	stopV1(t)
	d.sample(t, "tasks/migrate-switch/samples/taskrun")
	d.sample(t, "pipelines/contract/samples/inside-the-window")
	d.exec(t, afterTheSwitch)
	d.sample(t, "pipelines/contract/samples/contract")
	_, err := v1.Name(t.Context(), d.conn, 1)
	require.ErrorContains(t, err, `column "name" does not exist`, "the tombstone tells a late reader")
	d.exec(t, afterTheTombstone)
	d.sample(t, "pipelines/contract/samples/contract")
	stopV2(t)
	for id, name := range known.byID {
		got, err := versionTwo.name(t.Context(), d.conn, id)
		require.NoError(t, err)
		require.Equal(t, name, got)
	}
}

// A version of the application, by its code that names customers.
type version struct {
	add    func(ctx context.Context, db *pgx.Conn, name string) (int64, error)
	rename func(ctx context.Context, db *pgx.Conn, id int64, name string) error
	name   func(ctx context.Context, db *pgx.Conn, id int64) (string, error)
}

var versionOne = version{add: v1.Add, rename: v1.Rename, name: v1.Name}

var versionTwo = version{
	add: func(ctx context.Context, db *pgx.Conn, name string) (int64, error) {
		first, last, _ := strings.Cut(name, " ")
		return v2.Add(ctx, db, first, last)
	},
	rename: func(ctx context.Context, db *pgx.Conn, id int64, name string) error {
		first, last, _ := strings.Cut(name, " ")
		return v2.Rename(ctx, db, id, first, last)
	},
	name: func(ctx context.Context, db *pgx.Conn, id int64) (string, error) {
		first, last, err := v2.Name(ctx, db, id)
		return first + " " + last, err
	},
}

// deploy lets a version work until stop, which fails the test if anything went wrong meanwhile, and disconnects it.
func (d *database) deploy(t *testing.T, name string, v version, known *names) (stop func(*testing.T)) {
	conn := d.connect(t, name)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	rounds, broke := 0, make(chan error, 1)
	go func() {
		var err error
		for ; ctx.Err() == nil && err == nil; rounds++ {
			err = v.work(context.WithoutCancel(ctx), conn, fmt.Sprintf("%s %d", name, rounds), known)
			time.Sleep(20 * time.Millisecond)
		}
		broke <- err
	}()
	return func(t *testing.T) {
		t.Helper()
		cancel()
		require.NoError(t, <-broke, "%s broke in round %d", name, rounds)
		require.NoError(t, conn.Close(t.Context()))
		require.Greater(t, rounds, 50, "%s hardly worked", name)
	}
}

// work adds a customer, renames it, and reads one that any version has named.
func (v version) work(ctx context.Context, db *pgx.Conn, name string, known *names) error {
	id, err := v.add(ctx, db, "New "+name)
	if err != nil {
		return err
	}
	if err := v.rename(ctx, db, id, name); err != nil {
		return err
	}
	known.add(id, name)
	id, want := known.any()
	got, err := v.name(ctx, db, id)
	if err == nil && got != want {
		err = fmt.Errorf("customer %d is called %q, not %q", id, got, want)
	}
	return err
}

// names are what customers are called.
type names struct {
	sync.Mutex
	byID map[int64]string
}

func (n *names) add(id int64, name string) {
	n.Lock()
	defer n.Unlock()
	n.byID[id] = name
}

func (n *names) any() (id int64, name string) {
	n.Lock()
	defer n.Unlock()
	for id, name = range n.byID {
		break
	}
	return id, name
}
