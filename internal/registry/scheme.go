package registry

import (
	"net"
	"net/http"
	"slices"

	"github.com/sluice-ci/sluice/internal/task"
)

// schemeGuard lets plain HTTP through to named hosts and to this machine only.
// go-containerregistry by itself falls back to it for every private address,
// with the credentials in the open.
type schemeGuard struct {
	plain []string
	next  http.RoundTripper
}

// RoundTrip refuses a request that would go in the open.
func (g *schemeGuard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" && !slices.Contains(g.plain, r.URL.Host) && !loopback(r.URL.Hostname()) {
		return nil, task.Misconfigured("registry %s does not speak TLS, and plain HTTP to it was not asked for", r.URL.Host).
			WithRemedy("give the registry a certificate, or name it in plain-http-registries")
	}
	return g.next.RoundTrip(r)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
