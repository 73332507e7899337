package machine

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Init is the first process inside the namespaces: it arranges the mounts, starts the supervisor and reaps whatever is orphaned, until
// the supervisor ends. It never returns while the machine runs; when it does, the kernel ends every process that is left.
func Init(state string) error {
	m, err := load(state)
	if err != nil {
		return err
	}
	if err := m.mounts(); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(NodeName)); err != nil {
		return fmt.Errorf("naming the machine: %w", err)
	}
	if err := makeCgroup(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	child, err := syscall.ForkExec(self, []string{self, "machine-supervise", state}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid == child {
			return fmt.Errorf("the supervisor ended with status %d", status.ExitStatus())
		}
	}
}

// mounts makes the machine's own view of the file system: nothing mounted here is seen outside.
func (m Machine) mounts() error {
	type mount struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}
	const plain = syscall.MS_NOSUID | syscall.MS_NODEV
	list := []mount{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE, ""},
		{"", "/", "", syscall.MS_REC | syscall.MS_SHARED, ""}, // shared among ourselves: containers may ask for propagation
		{"proc", "/proc", "proc", plain | syscall.MS_NOEXEC, ""},
		{"tmpfs", "/run", "tmpfs", plain, "mode=755"},
		{"tmpfs", "/var/log", "tmpfs", plain, "mode=755"},
		{"tmpfs", "/var/lib/cni", "tmpfs", plain, "mode=755"},
		{m.path("kubelet"), "/var/lib/kubelet", "", syscall.MS_BIND, ""},
	}
	for _, tunable := range m.tunables() {
		list = append(list, mount{tunable.file, tunable.path, "", syscall.MS_BIND, ""})
	}
	for _, x := range list {
		if err := syscall.Mount(x.source, x.target, x.kind, x.flags, x.data); err != nil {
			return fmt.Errorf("mounting %q: %w", x.target, err)
		}
	}
	return nil
}

// mountPoints are folders of the host that the machine covers with its own; those that were missing are removed at the end.
var mountPoints = []string{"/var/lib/cni", "/var/lib/kubelet"}

// tunable is a setting of the whole kernel that the kubelet wants to change. It finds the value that it wants in a file that covers the
// setting, so the host keeps its own.
type tunable struct{ path, file string }

func (m Machine) tunables() []tunable {
	var list []tunable
	for name, wanted := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		t := tunable{path: "/proc/sys/" + name, file: m.config("sysctl-" + strings.ReplaceAll(name, "/", "-"))}
		if _, err := os.Stat(t.path); err != nil {
			continue
		}
		if err := os.WriteFile(t.file, []byte(wanted+"\n"), 0o644); err == nil {
			list = append(list, t)
		}
	}
	return list
}
