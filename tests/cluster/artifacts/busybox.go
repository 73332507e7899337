package artifacts

import (
	"errors"
	"os/exec"
)

// applets are the names under which the shell image offers busybox: what a script step or a person at `kubectl exec` reaches for.
var applets = []string{
	"awk", "base64", "basename", "cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "du", "echo", "env", "false", "find", "grep", "head", "id",
	"ln", "ls", "mkdir", "mktemp", "mv", "nc", "nslookup", "od", "printf", "ps", "pwd", "readlink", "rm", "rmdir", "sed", "seq", "sh", "sha256sum", "sleep",
	"sort", "stat", "tail", "tar", "tee", "test", "touch", "tr", "true", "uname", "uniq", "wc", "wget", "xargs",
}

// findBusybox finds the static busybox of the machine. Tekton places `script:` steps with a shell; it is the one image that is not Go.
func findBusybox() (string, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return "", errors.New("busybox is not here: install the package busybox-static")
	}
	return path, nil
}
