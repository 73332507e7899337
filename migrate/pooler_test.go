package migrate_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func TestBehindPgBouncerTheApplicationKeepsBothShapesAndTheMigrationRefuses(t *testing.T) {
	s := pgtest.On(t, pgtest.Debian)
	w := newWorld(t, s, people, migrate.Options{})
	pooled := bouncer(t, s)
	config, err := pgx.ParseConfig(w.dsn)
	require.NoError(t, err)
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", pooled, config.Database)

	_, err = migrate.Open(w.ctx, dsn, migrate.Options{})
	must(t, err, "a connection pooler stands between")
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Equal(t, refusal.Misconfigured, r.Kind)
	require.Contains(t, r.Do, "give the DSN of the database itself")

	w.use("1_split", splitYAML)
	direct := w.dsn
	w.dsn = dsn // the writers go through the pooler
	old := w.writers(4, oldWrite)
	w.expand()
	w.backfill()
	fresh := w.writers(2, newWrite)
	w.switchReads()
	time.Sleep(200 * time.Millisecond)
	old.stop()
	fresh.stop()
	w.dsn = direct
	require.Zero(t, w.number(splitWrong))
	w.keeps("name", old, fresh)
}

// bouncer starts PgBouncer in transaction mode in front of a server and gives its port.
func bouncer(t *testing.T, s *pgtest.Server) int {
	require.NoError(t, pgtest.Apt("/usr/sbin/pgbouncer", "pgbouncer"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	dir, err := os.MkdirTemp("", "bouncer")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o777))
	users, ini := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(users, []byte("\"postgres\" \"\"\n"), 0o644))
	require.NoError(t, os.WriteFile(ini, []byte(fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
auth_file = %s
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits,bytea_output,datestyle,timezone,client_min_messages,standard_conforming_strings,application_name,options
`, s.Port, port, users)), 0o644))
	cmd := exec.Command("/usr/sbin/pgbouncer", ini)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond, "pgbouncer does not listen")
	return port
}
