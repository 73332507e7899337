package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// connect gives the machine its one link, a veth pair with one end here on the host, and tells that end's index.
func connect(ctx context.Context, pid int) (index string, err error) {
	if linkIndex() != "" {
		return "", fmt.Errorf("linking the machine to the host: another cluster has the link %s\n  end it with `make cluster-down` in its clone", hostLink)
	}
	const inside = "sluice1"
	for _, args := range [][]string{
		{"link", "add", hostLink, "type", "veth", "peer", "name", inside, "netns", strconv.Itoa(pid)},
		{"address", "add", HostAddress + linkPrefix, "dev", hostLink},
		{"link", "set", hostLink, "up"},
	} {
		if err := command(ctx, "ip", args...); err != nil {
			return "", fmt.Errorf("linking the machine to the host: %w", err)
		}
	}
	return linkIndex(), nil
}

// linkIndex is the kernel's number of the host's end of a machine's link; empty when there is none.
func linkIndex() string {
	data, _ := os.ReadFile("/sys/class/net/" + hostLink + "/ifindex")
	return strings.TrimSpace(string(data))
}

// network brings up the machine's end once the host has put it here.
func (m Machine) network(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	for command(ctx, "ip", "link", "set", "sluice1", "name", "eth0") != nil {
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting for the link to the host: not there after 30 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, args := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "address", "add", Address + linkPrefix, "dev", "eth0"},
		{"ip", "link", "set", "eth0", "up"},
		{"ip", "route", "add", "default", "via", HostAddress},
		{"nft", "--file", m.config("nftables.conf")},
	} {
		if err := command(ctx, args[0], args[1:]...); err != nil {
			return fmt.Errorf("bringing up the network: %w", err)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("forwarding between pods: %w", err)
	}
	return nil
}

// command runs a program and gives what it printed when it fails.
func command(ctx context.Context, name string, args ...string) error {
	if output, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", name, args, err, output)
	}
	return nil
}
