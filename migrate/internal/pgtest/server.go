package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// nobody is whom the server runs as when the tests run as root, which PostgreSQL refuses.
const nobody = 65534

func start(version string) (*Server, error) {
	bin, err := install(version)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-"+version+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{Version: version, bin: bin, dir: dir, Socket: dir, stopped: make(chan struct{})}
	if err := s.init(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	for range 5 { // the port can be taken between the look and the use
		if err = s.run(); err == nil {
			return s, nil
		}
	}
	os.RemoveAll(dir)
	return nil, err
}

func (s *Server) init() error {
	if os.Geteuid() == 0 {
		if err := os.Chown(s.dir, nobody, nobody); err != nil {
			return err
		}
	}
	cmd := s.command("initdb", "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// command prepares a program of the server, as an unprivileged user where we are root.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// run starts the server and waits until it answers. The server dies with the test binary.
func (s *Server) run() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Port = port
	args := []string{"-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-p", strconv.Itoa(port), "-h", "127.0.0.1"}
	for _, c := range []string{
		"fsync=off", "full_page_writes=off", "max_connections=120", "shared_buffers=256MB", "max_wal_size=4GB", "shared_preload_libraries=pg_stat_statements",
		"pg_stat_statements.max=10000", "log_min_messages=warning", "autovacuum_naptime=5s", "max_prepared_transactions=4",
	} {
		args = append(args, "-c", c)
	}
	cmd := s.command("postgres", args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal belongs to the thread that starts the process
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
		close(s.stopped)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.stop = func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // fast shutdown
		select {
		case <-s.stopped:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Signal(syscall.SIGQUIT)
			<-s.stopped
		}
		os.RemoveAll(s.dir)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-ended:
			s.stopped = make(chan struct{})
			return fmt.Errorf("postgres ended: %w\n%s", err, log.String())
		default:
		}
		conn, err := pgx.Connect(context.Background(), s.DSN("postgres"))
		if err == nil {
			return conn.Close(context.Background())
		}
	}
	s.stop()
	return errors.New("postgres does not answer within 30 s")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// WriteData writes a file into the server's data directory, readable by the server alone.
func (s *Server) WriteData(t testing.TB, name string, data []byte) {
	t.Helper()
	path := filepath.Join(s.dir, "data", name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(path, nobody, nobody))
	}
}
