// Package gotool runs the go command of the user's own toolchain image in the one
// way that all Go tasks share: caches in an optional workspace, everything else
// that it writes in a scratch directory, module proxy and private modules as params.
//
// It promises that the go command works as uid 65532 on a read-only root file
// system, and that nothing of the step's own settings changes what it builds but the
// params. It refuses a toolchain that is not named by digest.
//
//	o := gotool.Declare(c)
//	…
//	if err := o.Check(); err != nil { return err }
//	cmd.Env = o.Env(os.Environ(), scratch, trust.Dir)
package gotool

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/task"
)

// Local is the toolchain's name where a person runs the task on their own machine.
const Local = "local"

// Options says where the go command comes from and how it is set.
type Options struct {
	Toolchain string // image by digest, or Local
	Cache     string // path of the workspace "cache"; "" when it is not bound
	Proxy     string // GOPROXY; "" leaves the toolchain's own
	SumDB     string // GOSUMDB; "" leaves the toolchain's own
	Private   string // GOPRIVATE
	Flags     string // GOFLAGS
}

// Declare adds the param "toolchain", the optional workspace "cache" and the go
// command's settings to a command.
func Declare(c *task.Command) *Options {
	o := &Options{}
	c.Toolchain(&o.Toolchain)
	c.OptionalWorkspace(&o.Cache, "cache", "Keeps downloaded modules and compiled packages from one run to the next.")
	c.String(&o.Proxy, "goproxy", "", "GOPROXY, where modules come from; empty for the toolchain's own setting.")
	c.String(&o.SumDB, "gosumdb", "", "GOSUMDB, what vouches for modules; empty for the toolchain's own setting.")
	c.String(&o.Private, "goprivate", "", "GOPRIVATE, patterns of modules that come straight from their repositories.")
	c.String(&o.Flags, "goflags", "", "GOFLAGS, such as -mod=vendor.")
	return o
}

// Check refuses a toolchain that can change under its name, and one without a go command.
func (o *Options) Check() error {
	if o.Toolchain != Local && !strings.Contains(o.Toolchain, "@sha256:") {
		return task.Misconfigured("toolchain %q is not named by digest", o.Toolchain).
			WithRemedy("write it as name@sha256:…, or as %s on your own machine; a tag can move, and the same source would then give another program", Local)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return task.Misconfigured("finding the go command in toolchain %q: %w", o.Toolchain, err).
			WithRemedy("use an image that has go on its PATH")
	}
	return nil
}

// Env returns the go command's environment: that of the step without its Go settings
// for proxy, flags and caches where the params name others, and with every writable
// place in scratch or in the cache. caDir is the workspace "ca", "" when it is not bound.
func (o *Options) Env(step []string, scratch, caDir string) []string {
	cache := o.Cache
	if cache == "" {
		cache = scratch
	}
	set := map[string]string{
		"GOTMPDIR": scratch,
		"GOENV":    "off",
		// A read-only module cache could not be cleared by whoever owns the workspace.
		"GOFLAGS": strings.TrimSpace(o.Flags + " -modcacherw"),
	}
	if o.Toolchain != Local {
		set["HOME"] = scratch
		set["GOPATH"] = filepath.Join(scratch, "gopath")
	}
	if o.Toolchain != Local || o.Cache != "" {
		set["GOCACHE"] = filepath.Join(cache, "go-build")
		set["GOMODCACHE"] = filepath.Join(cache, "go-mod")
	}
	for name, value := range map[string]string{"GOPROXY": o.Proxy, "GOSUMDB": o.SumDB, "GOPRIVATE": o.Private} {
		if value != "" {
			set[name] = value
		}
	}
	if caDir != "" {
		set["SSL_CERT_DIR"] = strings.Join([]string{certDirs(step), caDir}, ":")
	}
	return merge(step, set)
}

// certDirs are the directories that Go searches for certificates anyway.
func certDirs(env []string) string {
	for _, e := range env {
		if dirs, ok := strings.CutPrefix(e, "SSL_CERT_DIR="); ok && dirs != "" {
			return dirs
		}
	}
	return "/etc/ssl/certs:/etc/pki/tls/certs"
}

func merge(env []string, set map[string]string) []string {
	merged := slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		_, replaced := set[name]
		return replaced
	})
	for name, value := range set {
		merged = append(merged, name+"="+value)
	}
	slices.Sort(merged)
	return merged
}
