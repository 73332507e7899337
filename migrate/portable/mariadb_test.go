package portable

import (
	"bytes"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/migrate/internal/pgtest"
)

var products = []product{liteProduct, mariaProduct}

var mariaProduct = product{
	name:   "mariadb",
	create: createMaria,
	words:  strings.NewReplacer("SERIAL", "BIGINT AUTO_INCREMENT PRIMARY KEY"),
	shape: `SELECT concat_ws(' ', c.table_name, c.column_name, c.column_type, c.is_nullable, c.column_default, c.collation_name, c.extra) FROM information_schema.columns c WHERE c.table_schema = database() AND c.table_name NOT LIKE 'sluice%'
		UNION ALL SELECT concat_ws(' ', 'index', table_name, index_name, seq_in_index, column_name, non_unique) FROM information_schema.statistics WHERE table_schema = database() AND table_name NOT LIKE 'sluice%'
		UNION ALL SELECT concat_ws(' ', 'trigger', trigger_name) FROM information_schema.triggers WHERE trigger_schema = database() ORDER BY 1`,
	quoted: func(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" },
}

var mariaNumber atomic.Int64

// createMaria makes a database; the application's connections have the server's own sql_mode.
func createMaria(t testing.TB) (string, *sql.DB) {
	port, err := mariaServer()
	require.NoError(t, err)
	name := fmt.Sprintf("test-%d", mariaNumber.Add(1))
	root, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port))
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	_, err = root.Exec("CREATE DATABASE `" + name + "`")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := root.Exec("DROP DATABASE `" + name + "`")
		require.NoError(t, err)
	})
	db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s", port, name))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return fmt.Sprintf("mariadb://root@127.0.0.1:%d/%s", port, name), db
}

var (
	mariaServer = sync.OnceValues(startMaria)
	stopMaria   = func() {}
)

const mariaUser = 65534 // nobody, where the tests run as root

// startMaria runs a server of its own on a free port until the tests end.
func startMaria() (port int, err error) {
	if err := pgtest.Apt("/usr/sbin/mariadbd", "mariadb-server-core"); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "mariadb-")
	if err != nil {
		return 0, err
	}
	stopMaria = func() { os.RemoveAll(dir) }
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, mariaUser, mariaUser); err != nil {
			return 0, err
		}
	}
	data := "--datadir=" + filepath.Join(dir, "data")
	if out, err := mariaCommand("/usr/bin/mariadb-install-db", "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := mariaCommand("/usr/sbin/mariadbd", "--no-defaults", data, "--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "pid"),
		fmt.Sprintf("--port=%d", port), "--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync", "--sync-frm=0", "--innodb-buffer-pool-size=128M", "--max-connections=200")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal belongs to the thread that starts the process
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return 0, err
	}
	stopMaria = func() { _ = cmd.Process.Kill(); <-ended; os.RemoveAll(dir) }
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		db, err := sql.Open("mysql", fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port))
		if err == nil {
			err = db.Ping()
			db.Close()
		}
		if err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("mariadbd does not answer within 60 s\n%s", log.String())
}

// mariaCommand prepares a program of the server, as an unprivileged user where we are root. It dies with the tests.
func mariaCommand(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: mariaUser, Gid: mariaUser}
	}
	return cmd
}
