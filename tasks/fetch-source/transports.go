package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport/client"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"

	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/internal/uploadpack"
)

// silence is how long a connection may say nothing.
const silence = 60 * time.Second

// installTransports makes go-git reach the world in the way of this task: trusted roots, no redirect to another host, no
// settings from the home directory, no git binary.
func installTransports(roots *trust.Options, plainHTTP []string) error {
	tls, err := roots.TLS()
	if err != nil {
		return err
	}
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	web := githttp.NewClient(&http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     tls,
			TLSHandshakeTimeout: 15 * time.Second,
			ForceAttemptHTTP2:   true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dialer.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return &impatient{conn}, nil
			},
		},
		CheckRedirect: func(request *http.Request, via []*http.Request) error { return checkRedirect(request, via, plainHTTP) },
	})
	client.InstallProtocol("https", web)
	client.InstallProtocol("http", web)
	client.InstallProtocol("file", uploadpack.Local{})
	gitssh.DefaultSSHConfig = nil
	return nil
}

// redirected is a redirect that was not followed.
type redirected struct{ from, to string }

func (r *redirected) Error() string { return fmt.Sprintf("%s redirects to %s", r.from, r.to) }

// checkRedirect follows a redirect within the host only: what was asked for is what is fetched, and credentials stay.
func checkRedirect(request *http.Request, via []*http.Request, plainHTTP []string) error {
	first := via[0].URL
	if !strings.EqualFold(request.URL.Host, first.Host) ||
		request.URL.Scheme != "https" && !(request.URL.Scheme == first.Scheme && slices.Contains(plainHTTP, request.URL.Host)) {
		to := *request.URL
		to.RawQuery, to.Path = "", strings.TrimSuffix(to.Path, "/info/refs")
		return &redirected{from: first.Host, to: to.Redacted()}
	}
	if len(via) > 5 {
		return fmt.Errorf("%s redirects more than five times", first.Host)
	}
	return nil
}

// impatient is a connection that fails when the other side says nothing for too long.
type impatient struct{ net.Conn }

func (c *impatient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
