package team

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
)

var forwarding = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) `)

// dial connects this machine to a port of a pod, through a kubectl of the connection's own: one that forwards several gives all of them up
// when the pod resets one.
func (n *Namespace) dial(ctx context.Context, pod string, port int) (net.Conn, error) {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cmd := exec.CommandContext(background, n.Kubectl, "-n", n.Name, "port-forward", "pod/"+pod, fmt.Sprintf(":%d", port))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("forwarding to %q: %w", pod, err)
	}
	stop := func() { cancel(); _ = cmd.Wait() }
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	m := forwarding.FindStringSubmatch(line)
	if m == nil {
		stop()
		return nil, fmt.Errorf("forwarding to %q: kubectl said %q (%v)", pod, line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m[1])
	if err != nil {
		stop()
		return nil, err
	}
	return forwarded{conn, stop}, nil
}

type forwarded struct {
	net.Conn
	stop func()
}

func (f forwarded) Close() error {
	err := f.Conn.Close()
	f.stop()
	return err
}
