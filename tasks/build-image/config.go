package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// config is how the image runs; what is empty stays the base's.
type config struct {
	entrypoint, cmd words
	env, labels     pairs
	user, workdir   string
	ports           ports
}

func (c config) configure(image *v1.Config) {
	if c.entrypoint != nil {
		image.Entrypoint, image.Cmd = c.entrypoint, nil // as docker build does: the base's arguments are those of its own entrypoint
	}
	if c.cmd != nil {
		image.Cmd = c.cmd
	}
	image.Env = c.env.over(image.Env)
	for _, p := range c.labels {
		if image.Labels == nil {
			image.Labels = map[string]string{}
		}
		image.Labels[p.name] = p.value
	}
	if c.user != "" {
		image.User = c.user
	}
	if c.workdir != "" {
		image.WorkingDir = c.workdir
	}
	for _, p := range c.ports {
		if image.ExposedPorts == nil {
			image.ExposedPorts = map[string]struct{}{}
		}
		image.ExposedPorts[p] = struct{}{}
	}
}

// words is a command line without a shell, written as a JSON list.
type words []string

// String writes it as a flag has it.
func (w *words) String() string {
	if *w == nil {
		return ""
	}
	text, _ := json.Marshal([]string(*w)) // a list of strings always has a text
	return string(text)
}

// Set reads a JSON list of strings; "" is none.
func (w *words) Set(text string) error {
	*w = nil
	if strings.TrimSpace(text) == "" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	var list []*string
	if err := decoder.Decode(&list); err != nil || decoder.More() || list == nil {
		return fmt.Errorf(`%q is not a JSON list such as ["/app","--port=8080"]`, text)
	}
	*w = words{}
	for _, word := range list {
		if word == nil {
			return fmt.Errorf(`%q holds null, which is no argument`, text)
		}
		*w = append(*w, *word)
	}
	return nil
}

// pairs are NAME=value lines.
type pairs []pair

type pair struct{ name, value string }

// String writes them as a flag has them.
func (p *pairs) String() string {
	var lines []string
	for _, one := range *p {
		lines = append(lines, one.name+"="+one.value)
	}
	return strings.Join(lines, "\n")
}

// Set reads one pair a line; blank lines are dropped.
func (p *pairs) Set(text string) error {
	*p = nil
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return fmt.Errorf("%q is not NAME=value", line)
		}
		if seen[name] {
			return fmt.Errorf("%s is set twice", name)
		}
		seen[name] = true
		*p = append(*p, pair{name, value})
	}
	return nil
}

// over returns the environment with the pairs in the place of variables of the same name.
func (p pairs) over(env []string) []string {
	for _, one := range p {
		entry, replaced := one.name+"="+one.value, false
		for i, e := range env {
			if name, _, _ := strings.Cut(e, "="); name == one.name {
				env[i], replaced = entry, true
			}
		}
		if !replaced {
			env = append(env, entry)
		}
	}
	return env
}

// ports are port/protocol, as an image's configuration has them.
type ports []string

// String writes them as a flag has them.
func (p *ports) String() string { return strings.Join(*p, ",") }

// Set reads a comma-separated list such as 8080,9090/udp; tcp is understood.
func (p *ports) Set(text string) error {
	*p = nil
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		number, protocol, ok := strings.Cut(entry, "/")
		if !ok {
			protocol = "tcp"
		}
		n, err := strconv.ParseUint(number, 10, 16)
		err = errors.Join(err, known(protocol))
		if err != nil || n == 0 {
			return fmt.Errorf("%q is not a port such as 8080 or 9090/udp", entry)
		}
		*p = append(*p, strconv.FormatUint(n, 10)+"/"+protocol)
	}
	return nil
}

func known(protocol string) error {
	switch protocol {
	case "tcp", "udp", "sctp":
		return nil
	}
	return fmt.Errorf("unknown protocol %q", protocol)
}
