package artifacts

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// gitFiles are the machine's git and what it loads, for Tekton's git resolver, which runs it. It is copied because no Go module has it.
func gitFiles() ([]entry, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("git is not here: install the package git")
	}
	folder, err := exec.Command(git, "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("asking git for its folder: %w", err)
	}
	helper := filepath.Join(strings.TrimSpace(string(folder)), "git-remote-http")
	files := []entry{
		{path: "bin/git", from: git},
		{path: inImage(helper), from: helper},
		{path: inImage(helper) + "s", link: filepath.Base(helper)},
	}
	libraries := map[string]bool{}
	for _, program := range []string{git, helper} {
		output, err := exec.Command("ldd", program).Output()
		if err != nil {
			return nil, fmt.Errorf("listing the libraries of %q: %w", program, err)
		}
		for _, library := range librariesIn(string(output)) {
			if !libraries[library] {
				libraries[library] = true
				files = append(files, entry{path: inImage(library), from: library})
			}
		}
	}
	return files, nil
}

var libraryPath = regexp.MustCompile(`(?m)(?:=> |^\s+)(/\S+) \(0x`)

// librariesIn are the files that ldd says a program loads.
func librariesIn(ldd string) []string {
	var list []string
	for _, match := range libraryPath.FindAllStringSubmatch(ldd, -1) {
		list = append(list, match[1])
	}
	return list
}

func inImage(path string) string { return strings.TrimPrefix(path, "/") }
