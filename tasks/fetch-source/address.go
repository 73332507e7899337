package main

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/task"
)

// address is a repository's URL, read once.
type address struct {
	scheme string // https, http, ssh or file
	host   string // with port, as written; "" for file
	user   string // of ssh
	path   string
	clean  string // the URL as given, without a password
}

// scp is the short form of an ssh URL: user@host:path.
var scp = regexp.MustCompile(`^(?:([^@/:]+)@)?([^@/:]+|\[[0-9a-fA-F:.]+\]):([^:].*)$`)

// parseAddress reads a URL. Credentials in it are refused, because a URL is shown in logs and results.
func parseAddress(text string, plainHTTP []string) (address, error) {
	if !strings.Contains(text, "://") {
		if m := scp.FindStringSubmatch(text); m != nil {
			return address{scheme: "ssh", user: m[1], host: m[2], path: m[3], clean: text}, nil
		}
		if filepath.IsAbs(text) {
			text = "file://" + text
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, task.Misconfigured("--url is not a URL").
			WithRemedy("write it as https://host/path, ssh://user@host/path, user@host:path or file:///path")
	}
	if _, secret := u.User.Password(); secret || u.Scheme != "ssh" && u.User != nil {
		return address{}, task.Misconfigured("--url holds credentials, which logs and results would show").
			WithRemedy("take them out, and bind the workspace credentials to a Secret with username and password")
	}
	a := address{scheme: u.Scheme, host: u.Host, user: u.User.Username(), path: u.Path, clean: u.String()}
	switch {
	case a.scheme == "file" && a.host != "" && a.host != "localhost":
		return address{}, task.Misconfigured("%q names the host %q", text, a.host).WithRemedy("a file URL has three slashes: file:///path")
	case a.scheme == "file":
		a.host, a.clean = "", "file://"+a.path
	case a.scheme == "http" && !slices.Contains(plainHTTP, a.host):
		return address{}, task.Misconfigured("%q is plain HTTP: anyone on the way could change what is fetched", text).
			WithRemedy("use https, or allow it with --plain-http-hosts=%s", a.host)
	case a.scheme != "https" && a.scheme != "http" && a.scheme != "ssh":
		return address{}, task.Misconfigured("%q has the scheme %q", text, a.scheme).
			WithRemedy("write it as https://host/path, ssh://user@host/path, user@host:path or file:///path")
	case a.host == "":
		return address{}, task.Misconfigured("%q names no host", text)
	}
	if strings.Trim(a.path, "/") == "" {
		return address{}, task.Misconfigured("%q names no repository", text)
	}
	return a, nil
}

// hostname is the host without its port.
func (a address) hostname() string {
	u := url.URL{Host: a.host}
	return u.Hostname()
}

// relative resolves a submodule's ./ or ../ URL against the repository that holds it, as git does: below its path.
func (a address) relative(link string) string {
	if !strings.HasPrefix(link, "./") && !strings.HasPrefix(link, "../") {
		return link
	}
	base := strings.TrimRight(a.clean, "/")
	for {
		switch {
		case strings.HasPrefix(link, "./"):
			link = link[2:]
		case strings.HasPrefix(link, "../"):
			link = link[3:]
			i := strings.LastIndexAny(base, "/:")
			if i < 0 || strings.HasSuffix(base[:i+1], "://") {
				return link // nothing is above a host; parsing refuses what is left
			}
			if base[i] == ':' {
				return base[:i+1] + link
			}
			base = base[:i]
		default:
			return base + "/" + link
		}
	}
}
