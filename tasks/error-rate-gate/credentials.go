package main

import (
	"crypto/tls"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/task"
)

// authorize adds what the workspace credentials holds. A token is read anew for each query, since the kubelet rotates it.
func (o *options) authorize(r *task.Run, access *promapi.Options) error {
	if o.credentials == "" {
		return nil
	}
	has := func(file string) bool {
		_, err := os.Stat(filepath.Join(o.credentials, file))
		return err == nil
	}
	read := func(file string) string {
		data, _ := os.ReadFile(filepath.Join(o.credentials, file))
		return strings.TrimSpace(string(data))
	}
	secret := func(file string) string {
		r.Redact(read(file))
		return read(file)
	}
	token, basic, mutual := has("token"), has("username") && has("password"), has("tls.crt") && has("tls.key")
	switch {
	case token && basic:
		return task.Misconfigured("the workspace credentials holds both a token and a username").WithRemedy("keep one of them")
	case !token && !basic && !mutual:
		return task.Misconfigured("the workspace credentials holds none of token, username and password, tls.crt and tls.key (%s)", o.credentials)
	case token && secret("token") == "":
		return task.Misconfigured("the token in the workspace credentials is empty")
	case token:
		access.Authorization = func() string { return "Bearer " + secret("token") }
	case basic:
		access.Authorization = func() string {
			pair := base64.StdEncoding.EncodeToString([]byte(read("username") + ":" + secret("password")))
			r.Redact(pair)
			return "Basic " + pair
		}
	}
	if !mutual {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(o.credentials, "tls.crt"), filepath.Join(o.credentials, "tls.key"))
	if err != nil {
		return task.Misconfigured("reading the client certificate: %w", err)
	}
	access.TLS.Certificates = []tls.Certificate{pair}
	return nil
}
