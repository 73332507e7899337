package main

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/skeema/knownhosts"

	"github.com/sluice-ci/sluice/internal/task"
)

// retry repeats what failed by a fault that passes, for as long as the run's budget lasts, and explains what remains.
func (f *fetcher) retry(ctx context.Context, a address, try func(context.Context) error) error {
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return task.Undecided("fetching %s: %w", a.clean, ctx.Err())
		}
		if !passes(err) || time.Now().Add(wait).After(f.deadline) {
			return f.explain(err, a)
		}
		f.Printf("fetching %s: %v; again in %s", a.clean, err, wait)
		if err := f.pause(ctx, wait); err != nil {
			return task.Undecided("fetching %s: %w", a.clean, err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// passes tells whether a fault may be gone at the next try: of the network, or a server that says so (5xx, 429).
func passes(err error) bool {
	var (
		dns     *net.DNSError
		network net.Error
		host    *redirected
	)
	switch {
	case errors.As(err, &host), certificate(err):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return true
	}
	code := status(err)
	return code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
}

// status is the HTTP status behind an error of go-git, 0 where there is none.
func status(err error) int {
	var unexpected *plumbing.UnexpectedError
	if errors.As(err, &unexpected) {
		err = unexpected.Err
	}
	var answer *githttp.Err
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}

func certificate(err error) bool {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
	)
	return errors.As(err, &unknown) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// explain says what an error of the transport means and what a person does about it.
func (f *fetcher) explain(err error, a address) error {
	var moved *redirected
	var dns *net.DNSError
	_, given := f.credentials.passwords[a.host]
	given = given || a.scheme == "ssh"
	switch {
	case errors.As(err, &moved):
		return task.Misconfigured("fetching %s: %w", a.clean, moved).WithRemedy("if that is where the repository lives now, set --url=%s", moved.to)
	case certificate(err):
		return task.Misconfigured("fetching %s: %w", a.clean, err).
			WithRemedy("bind the workspace ca to the certificate authority of %s", a.hostname())
	case knownhosts.IsHostKeyChanged(err):
		return task.Refuse("the key of %s is not the one in known_hosts", a.host).
			WithRemedy("someone may stand in between; if the host has a new key, take it from where the host publishes it")
	case knownhosts.IsHostUnknown(err):
		return task.Misconfigured("known_hosts does not know %s", a.host).
			WithRemedy("add it to the key known_hosts of the Secret: ssh-keyscan %s, fingerprints compared", a.hostname())
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		strings.Contains(err.Error(), "unable to authenticate"):
		if !given {
			return task.Misconfigured("%s asks for credentials and there are none for it", a.host).
				WithRemedy("bind the workspace credentials to a Secret of type kubernetes.io/basic-auth")
		}
		return task.Misconfigured("%s refuses the credentials", a.host).
			WithRemedy("does the key or token still hold, and may it read %s?", strings.Trim(a.path, "/"))
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return task.Misconfigured("there is no repository at %s", a.clean).
			WithRemedy("without credentials a private repository looks the same as none")
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return task.Misconfigured("the repository %s has no commits", a.clean)
	case errors.As(err, &dns) && dns.IsNotFound:
		return task.Undecided("%s is unreachable: there is no host of that name", a.host).WithRemedy("is --url spelled right, and does the pod's DNS know it?")
	case passes(err):
		return task.Undecided("%s is unreachable: %w", a.host, err).
			WithRemedy("tried for %s (--retry-budget); does a NetworkPolicy or a proxy stand in the way?", f.options.budget)
	default:
		return task.Misconfigured("fetching %s: %w", a.clean, err)
	}
}
