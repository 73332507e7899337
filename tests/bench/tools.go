package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// buildTools compiles what is compared: stock ko, and build-go from the tree.
func buildTools(ctx context.Context, dir string) (map[string]string, error) {
	tools := map[string]string{}
	for name, build := range map[string]struct{ dir, pkg string }{
		"ko":       {".", "github.com/google/ko"},
		"registry": {".", "github.com/distribution/distribution/v3/cmd/registry"},
		"build-go": {"../..", "./tasks/build-go"},
	} {
		tools[name] = filepath.Join(dir, name)
		if err := compile(ctx, build.dir, build.pkg, tools[name]); err != nil {
			return nil, err
		}
	}
	return tools, nil
}

// compile builds a program as release does.
func compile(ctx context.Context, dir, pkg, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compiling %s: %w: %s", pkg, err, out)
	}
	return nil
}

// startRegistry runs stock distribution on a free port of this machine, with its
// data in dir, and returns host:port.
func startRegistry(ctx context.Context, dir string) (host string, stop func(), err error) {
	binary := filepath.Join(dir, "registry")
	if err := compile(ctx, ".", "github.com/distribution/distribution/v3/cmd/registry", binary); err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	host = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", nil, err
	}
	config := filepath.Join(dir, "registry.yaml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage:\n  filesystem: {rootdirectory: %s}\n  delete: {enabled: true}\nhttp: {addr: %s}\n",
		filepath.Join(dir, "registry-data"), host)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(binary, "serve", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 100 {
		response, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			response.Body.Close()
			return host, stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, fmt.Errorf("the registry on %s does not answer", host)
}
