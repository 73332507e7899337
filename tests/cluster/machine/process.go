package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// startTime is when a process that still runs began, in clock ticks since boot: with the process ID it names a process for as long as the
// host is up. A process whose first thread has ended still runs while another thread does: the kernel lets the last thread of a PID
// namespace's first process go only when the namespace is empty.
func startTime(pid int) (string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", err
	}
	const state, threads, start = 0, 17, 19 // of proc_pid_stat(5), counted after the name
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) <= start {
		return "", fmt.Errorf("reading the start time of process %d: %d fields", pid, len(fields))
	}
	if fields[state] == "Z" && fields[threads] == "1" {
		return "", fmt.Errorf("reading the start time of process %d: it has ended", pid)
	}
	return fields[start], nil
}

func bootID() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}
