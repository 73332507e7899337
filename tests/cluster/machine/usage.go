package machine

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Usage is the memory that the processes of one program hold: the sum of their proportional set sizes, so that what two of them share is
// counted once.
type Usage struct {
	Program   string
	Processes int
	Bytes     int64
}

// Usage lists the memory of every program inside the machine, its pods' included, largest first.
func (m Machine) Usage() ([]Usage, error) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	programs, first := map[string]*Usage{}, m.PID()
	for _, process := range processes {
		if !descends(process, first) {
			continue
		}
		name := programName(process)
		if programs[name] == nil {
			programs[name] = &Usage{Program: name}
		}
		programs[name].Processes++
		programs[name].Bytes += proportional(process)
	}
	var list []Usage
	for _, u := range programs {
		list = append(list, *u)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Bytes > list[j].Bytes })
	return list, nil
}

// descends tells whether a process descends from the machine's first one, as all do: an orphan goes to the first.
func descends(process string, first int) bool {
	for pid, _ := strconv.Atoi(filepath.Base(process)); pid > 1; {
		if pid == first {
			return true
		}
		parent := statusField("/proc/"+strconv.Itoa(pid), "PPid")
		var err error
		if pid, err = strconv.Atoi(parent); err != nil {
			return false
		}
	}
	return false
}

// programName is the name of the component: the first argument where one binary is many programs.
func programName(process string) string {
	data, err := os.ReadFile(filepath.Join(process, "cmdline"))
	if err != nil || len(data) == 0 {
		return statusField(process, "Name")
	}
	args := strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
	switch name := filepath.Base(args[0]); {
	case (name == "node" || name == "addons" || name == "cluster") && len(args) > 1:
		return args[1]
	default:
		return name
	}
}

func statusField(process, field string) string {
	file, err := os.Open(filepath.Join(process, "status"))
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); name == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// proportional is the proportional set size of a process in bytes, 0 when it has ended meanwhile.
func proportional(process string) int64 {
	file, err := os.Open(filepath.Join(process, "smaps_rollup"))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "Pss: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
