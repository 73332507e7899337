package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sluice-ci/sluice/internal/task"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 16 << 20

// fromFile reads requests in vegeta's HTTP format. What they send lies in the source, since whoever writes that file must not
// have the task send other files of its pod.
func (o *options) fromFile(base *url.URL, header http.Header) ([]vegeta.Target, error) {
	if o.source == "" || !filepath.IsLocal(o.targets) {
		return nil, task.Misconfigured("--targets=%s is a file in the workspace source, and lies in none", o.targets)
	}
	text, err := o.withBodies()
	var all []vegeta.Target
	if err == nil {
		all, err = vegeta.ReadAllTargets(vegeta.NewHTTPTargeter(strings.NewReader(text), nil, header))
	}
	if err == nil && len(all) == 0 {
		err = errors.New("it holds no request")
	}
	if err != nil {
		return nil, task.Misconfigured("reading targets %q: %w", o.targets, err)
	}
	for _, t := range all {
		u, err := url.Parse(t.URL)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			return nil, task.Misconfigured("%s %s goes to another host than --url=%s", t.Method, t.URL, o.url)
		}
	}
	return all, nil
}

// withBodies is the file's text, in which the lines @file name files of the source.
func (o *options) withBodies() (string, error) {
	root, err := os.OpenRoot(o.source)
	if err != nil {
		return "", err
	}
	defer root.Close()
	text, err := root.ReadFile(o.targets)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		name, isBody := strings.CutPrefix(strings.TrimSpace(line), "@")
		if !isBody {
			continue
		}
		info, err := root.Stat(name)
		switch {
		case err != nil:
			return "", fmt.Errorf("line %d: the body %q is no file within the source: %w", i+1, name, err)
		case !info.Mode().IsRegular() || info.Size() > maxBody:
			return "", fmt.Errorf("line %d: the body %q is no file of at most %d bytes", i+1, name, maxBody)
		}
		lines[i] = "@" + filepath.Join(o.source, name)
	}
	return strings.Join(lines, "\n"), nil
}
