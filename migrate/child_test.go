package migrate_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

// childJob is the variable that makes the test binary a runner, which a test can kill.
const childJob = "MIGRATE_TEST_CHILD"

// A job is what such a runner does.
type job struct {
	DSN, Folder, YAML, Action string
	// Killed is a file of the statements at which a runner of this life has died already. A runner dies by SIGKILL before and after
	// every statement that is not among them.
	Killed string
	Accept int64
}

func runChild(text string) int {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := j.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (j job) run() error {
	ctx := context.Background()
	c, err := change.Parse(j.Folder, []byte(j.YAML), nil)
	if err != nil {
		return err
	}
	var tracer pgx.QueryTracer
	if j.Killed != "" {
		if tracer, err = newKiller(j.Killed); err != nil {
			return err
		}
	}
	e, err := migrate.OpenTraced(ctx, j.DSN, migrate.Options{Run: "child", Workers: 1, Tool: "test"}, tracer)
	if err != nil {
		return err
	}
	defer e.Close()
	return act(ctx, e, c, j.Action, j.Accept)
}

// act carries out one phase as a task would.
func act(ctx context.Context, e *migrate.Engine, c *change.Change, action string, accept int64) error {
	var err error
	switch action {
	case "expand":
		_, err = e.Expand(ctx, migrate.ExpandRequest{Change: c, Directory: &change.Directory{Changes: []*change.Change{c}}, Application: newDigest})
	case "backfill":
		_, err = e.Backfill(ctx, c)
	case "switch":
		_, err = e.Switch(ctx, migrate.SwitchRequest{Change: c, Application: newDigest})
	case "retreat": // a repeated one finds the reads switched back already
		r, e2 := e.Status(ctx, &change.Directory{Changes: []*change.Change{c}})
		if e2 != nil || r.Changes[0].Phase == migrate.Verified {
			return e2
		}
		_, err = e.Switch(ctx, migrate.SwitchRequest{Change: c, Application: oldDigest, Back: true})
	case "contract":
		_, err = e.Contract(ctx, migrate.ContractRequest{Change: c, Running: []string{newDigest}, Waive: []string{migrate.EvidenceReaders}, WaiveReason: "the test reads the old shape"})
	case "rollback":
		_, err = e.Rollback(ctx, migrate.RollbackRequest{Change: c, AcceptLoss: accept})
	}
	return err
}

// A killer ends its own process at each point once over a whole life.
type killer struct {
	seen map[string]int
	done map[string]bool
	file *os.File
}

type spot struct{}

// scratchName matches what a rehearsal calls its schemas, which is new for each runner.
var scratchName = regexp.MustCompile(`sluice_scratch_[0-9]+_`)

func newKiller(path string) (*killer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	k := &killer{seen: map[string]int{}, done: map[string]bool{}, file: f}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		k.done[lines.Text()] = true
	}
	return k, lines.Err()
}

func (k *killer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	at := fmt.Sprintf("%q %v", d.SQL, d.Args)
	if strings.Contains(d.SQL, "sluice.lease") || strings.Contains(d.SQL, "sluice.evidence") || strings.Contains(d.SQL, "pg_stat") { // the token, and times, are new for each runner
		at = fmt.Sprintf("%q", d.SQL)
	}
	at = scratchName.ReplaceAllString(at, "scratch")
	k.die("before " + at)
	return context.WithValue(ctx, spot{}, at)
}

func (k *killer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if at, ok := ctx.Value(spot{}).(string); ok {
		k.die("after " + at)
	}
}

func (k *killer) die(at string) {
	line, _ := json.Marshal(at)
	if k.done[string(line)] {
		return
	}
	fmt.Fprintf(k.file, "%s\n", line)
	k.file.Sync()
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// life carries a change through actions, each started again after every kill, and gives the number of kills.
func (w *world) life(folder, yaml string, killed string, actions ...string) int {
	w.t.Helper()
	kills := 0
	for _, action := range actions {
		for {
			text, err := json.Marshal(job{DSN: w.dsn, Folder: folder, YAML: yaml, Action: action, Killed: killed, Accept: 1 << 40})
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
			require.Less(w.t, kills, 2000)
			w.expireLease()
		}
	}
	return kills
}

// expireLease does as if the time of a dead runner's lease had passed; the state may not be there yet.
func (w *world) expireLease() {
	w.t.Helper()
	if w.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'sluice' AND tablename = 'lease'") == 1 {
		w.exec("UPDATE sluice.lease SET expires_at = 'epoch'")
	}
}
