package main

import (
	"bufio"
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/sluice-ci/sluice/internal/task"
)

// credentials are what the workspace of that name holds. Each password is bound to one host.
type credentials struct {
	passwords map[string]githttp.BasicAuth // by host, with port where one was given
	signer    ssh.Signer
	known     *knownhosts.HostKeyDB
}

// readCredentials reads the keys of Kubernetes' Secret types basic-auth (username, password, for the host of the URL) and
// ssh-auth (ssh-privatekey), a .git-credentials file (a URL a line, each for its own host) and known_hosts.
func readCredentials(dir, host string, redact func(string)) (*credentials, error) {
	c := &credentials{passwords: map[string]githttp.BasicAuth{}}
	if dir == "" {
		return c, nil
	}
	files := map[string][]byte{}
	for _, name := range []string{"username", "password", ".git-credentials", "ssh-privatekey", "known_hosts"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, task.Misconfigured("reading credentials: %w", err)
		}
		files[name] = data
	}
	if len(files) == 0 {
		return nil, task.Misconfigured("workspace credentials holds none of username, password, .git-credentials, ssh-privatekey and known_hosts (%s)", dir).
			WithRemedy("bind a Secret of type kubernetes.io/basic-auth or kubernetes.io/ssh-auth, or leave the workspace unbound")
	}
	if password, ok := files["password"]; ok {
		secret := strings.TrimRight(string(password), "\r\n")
		redact(secret)
		c.passwords[host] = githttp.BasicAuth{Username: strings.TrimSpace(string(files["username"])), Password: secret}
	}
	if err := c.readGitCredentials(files[".git-credentials"], redact); err != nil {
		return nil, err
	}
	if key, ok := files["ssh-privatekey"]; ok {
		signer, err := ssh.ParsePrivateKey(key)
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			return nil, task.Misconfigured("ssh-privatekey is protected by a passphrase").WithRemedy("make a deploy key without one; the Secret is what protects it")
		}
		if err != nil {
			return nil, task.Misconfigured("ssh-privatekey is not a private key: %w", err).WithRemedy("it begins with -----BEGIN OPENSSH PRIVATE KEY----- and ends with a line break")
		}
		c.signer = signer
	}
	if _, ok := files["known_hosts"]; ok {
		known, err := knownhosts.NewDB(filepath.Join(dir, "known_hosts"))
		if err != nil {
			return nil, task.Misconfigured("reading known_hosts: %w", err).WithRemedy("write it with ssh-keyscan, and compare the fingerprints with those that the host publishes")
		}
		c.known = known
	}
	return c, nil
}

// readGitCredentials reads git's credential store: https://user:password@host, a line each.
func (c *credentials) readGitCredentials(data []byte, redact func(string)) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		u, err := url.Parse(line)
		if err != nil || u.Host == "" || u.User == nil {
			return task.Misconfigured(".git-credentials, line %d: not a URL with user, password and host", number).
				WithRemedy("write it as https://user:password@git.example.com")
		}
		password, _ := u.User.Password()
		redact(password)
		if _, ok := c.passwords[u.Host]; !ok {
			c.passwords[u.Host] = githttp.BasicAuth{Username: u.User.Username(), Password: password}
		}
	}
	return lines.Err()
}

// forAddress gives what one repository may see: the password of its own host, or the SSH key.
func (c *credentials) forAddress(a address) (transport.AuthMethod, error) {
	switch a.scheme {
	case "https":
		if auth, ok := c.passwords[a.host]; ok {
			return &auth, nil
		}
	case "http":
		if _, ok := c.passwords[a.host]; ok {
			return nil, task.Misconfigured("there is a password for %s, and %s is plain HTTP, which would show it to anyone on the way", a.host, a.clean).
				WithRemedy("use https, or leave the workspace credentials unbound")
		}
	case "ssh":
		if c.signer == nil {
			return nil, task.Misconfigured("%s needs a key and there is none", a.clean).
				WithRemedy("bind the workspace credentials to a Secret with the keys ssh-privatekey and known_hosts")
		}
		if c.known == nil {
			return nil, task.Misconfigured("there is no known_hosts to tell %s from an impostor", a.host).
				WithRemedy("add the key known_hosts to the Secret: ssh-keyscan %s, fingerprints compared", a.hostname())
		}
		return &sshKey{user: a.user, signer: c.signer, known: c.known, host: withPort(a.host, "22")}, nil
	}
	return nil, nil
}

// sshKey logs in with a key at a host that known_hosts knows. It asks the host for a key of a kind that is listed there.
type sshKey struct {
	user   string
	signer ssh.Signer
	known  *knownhosts.HostKeyDB
	host   string
}

var _ gitssh.AuthMethod = (*sshKey)(nil)

func (k *sshKey) Name() string   { return "ssh-public-keys" }
func (k *sshKey) String() string { return k.Name() + ", user " + k.user }

func (k *sshKey) ClientConfig() (*ssh.ClientConfig, error) {
	user := k.user
	if user == "" {
		user = "git"
	}
	return &ssh.ClientConfig{
		User:              user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(k.signer)},
		HostKeyCallback:   k.known.HostKeyCallback(),
		HostKeyAlgorithms: k.known.HostKeyAlgorithms(k.host),
		Timeout:           15 * time.Second,
	}, nil
}

func withPort(host, port string) string {
	u := url.URL{Host: host}
	if u.Port() != "" {
		return host
	}
	return host + ":" + port
}
