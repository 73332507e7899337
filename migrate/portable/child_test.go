package portable

import (
	"bufio"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

// childJob is the variable that makes the test binary a runner, which a test can kill.
const childJob = "PORTABLE_TEST_CHILD"

// A job is what such a runner does.
type job struct {
	DSN, YAML, Action string
	// Killed is a file of the statements at which a runner of this life has died already.
	Killed string
}

func runChild(text string) int {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	if err == nil {
		err = j.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (j job) run() error {
	ctx := context.Background()
	c, err := parse(j.YAML)
	if err != nil {
		return err
	}
	k, err := newKiller(j.Killed)
	if err != nil {
		return err
	}
	e, err := open(ctx, j.DSN, migrate.Options{Run: "child", Tool: "test"}, func(c driver.Connector) driver.Connector { return traced{c, k.at} })
	if err != nil {
		return err
	}
	defer e.Close()
	return act(ctx, e, c, j.Action)
}

// act carries out one phase as a task would.
func act(ctx context.Context, e *Engine, c *change.Change, action string) error {
	var err error
	switch action {
	case "expand":
		_, err = e.Expand(ctx, migrate.ExpandRequest{Change: c, Directory: &change.Directory{Changes: []*change.Change{c}}, Application: newDigest})
	case "backfill":
		_, err = e.Backfill(ctx, c)
	case "switch":
		_, err = e.Switch(ctx, migrate.SwitchRequest{Change: c, Application: newDigest})
	case "contract":
		q := waiver
		q.Change = c
		_, err = e.Contract(ctx, q)
	case "rollback":
		_, err = e.Rollback(ctx, migrate.RollbackRequest{Change: c, AcceptLoss: 1 << 40})
	case "lift":
		_, err = e.Rollback(ctx, migrate.RollbackRequest{Change: c, ToSwitched: true})
	}
	return err
}

// A killer ends its own process before and after every statement that writes, once each over a whole life.
type killer struct {
	done map[string]bool
	file *os.File
}

func newKiller(path string) (*killer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	k := &killer{done: map[string]bool{}, file: f}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		k.done[lines.Text()] = true
	}
	return k, lines.Err()
}

// passing are statements that leave nothing behind: reads and settings.
var passing = regexp.MustCompile(`(?i)^(SELECT|PRAGMA|SET|USE|SHOW|KILL)\b|sluice_heartbeat`)

func (k *killer) at(when, sql string) {
	line, _ := json.Marshal(when + " " + sql)
	if passing.MatchString(sql) || k.done[string(line)] {
		return
	}
	fmt.Fprintf(k.file, "%s\n", line)
	k.file.Sync()
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// life carries a change through actions, each started again after every kill, and gives the number of kills.
func (w *world) life(yaml, killed string, actions ...string) int {
	w.t.Helper()
	kills := 0
	for _, action := range actions {
		for {
			text, err := json.Marshal(job{DSN: w.dsn, YAML: w.words.Replace(yaml), Action: action, Killed: killed})
			require.NoError(w.t, err)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childJob+"="+string(text))
			out, err := cmd.CombinedOutput()
			if err == nil {
				break
			}
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			require.True(w.t, status.Signaled() && status.Signal() == syscall.SIGKILL, "%s: %s %s", action, err, out)
			kills++
			require.Less(w.t, kills, 400)
			w.expireLease()
		}
	}
	return kills
}

// expireLease does as if the time of a dead runner's lease had passed; the state may not be there yet.
func (w *world) expireLease() {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.ctx, "UPDATE sluice_heartbeat SET expires_at = 0"); err != nil {
		require.True(w.t, strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "doesn't exist"), "%s", err)
	}
}
