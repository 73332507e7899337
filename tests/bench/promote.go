package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
)

const (
	layersPerImage = 12
	layerSize      = 256 << 10 // bytes, random: they do not compress
)

var imageCounts = flag.String("images", "1,10,100", "numbers of images that section promote copies")

// meter stands before a registry and counts requests, and bytes of bodies both ways.
// The version check, which each process makes once, is left out.
type meter struct {
	requests, bytes atomic.Int64
	server          *httptest.Server
}

func newMeter(host string) *meter {
	m := &meter{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: host})
		r.Out.Host = r.In.Host // so that upload locations lead back here
	}}
	m.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/" {
			m.requests.Add(1)
		}
		r.Body = &countedBody{r.Body, &m.bytes}
		proxy.ServeHTTP(&countedWriter{w, &m.bytes}, r)
	}))
	return m
}

func (m *meter) host() string { return strings.TrimPrefix(m.server.URL, "http://") }

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

type countedWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w *countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n.Add(int64(n))
	return n, err
}

func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// copier is one way to copy an image.
type copier struct {
	name     string
	evidence string // what it brings besides the image
	args     func(from, to string) []string
}

func copiers(dir, stock string) []copier {
	plain := func(refs ...string) (args []string) {
		for _, ref := range refs {
			host, _, _ := strings.Cut(ref, "/")
			args = append(args, "--host=reg="+host+",tls=disabled")
		}
		return args
	}
	return []copier{
		{"promote", "all", func(from, to string) []string {
			return []string{filepath.Join(dir, "promote"), "--image=" + from, "--target=" + to}
		}},
		{"crane cp", "none", func(from, to string) []string { return []string{filepath.Join(stock, "crane"), "cp", from, to} }},
		{"regctl image copy --referrers --digest-tags", "all", func(from, to string) []string {
			return append([]string{filepath.Join(stock, "regctl"), "image", "copy", "--referrers", "--digest-tags", from, to}, plain(from, to)...)
		}},
		{"oras cp -r", "referrers", func(from, to string) []string {
			return []string{filepath.Join(stock, "oras"), "cp", "-r", "--from-plain-http", "--to-plain-http", from, to}
		}},
		{"skopeo copy --all", "none", func(from, to string) []string {
			return []string{"skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", "docker://" + from, "docker://" + to}
		}},
	}
}

// benchPromote copies attested images within one registry and between two.
func benchPromote(ctx context.Context, r *report) error {
	if _, err := exec.LookPath("skopeo"); err != nil {
		return fmt.Errorf("skopeo is compared with, and is not there (Debian: apt-get install skopeo): %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-promote-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := compile(ctx, "../..", "./tasks/promote", filepath.Join(dir, "promote")); err != nil {
		return err
	}
	stock, err := stockCopiers(ctx)
	if err != nil {
		return err
	}
	var meters []*meter
	for _, which := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, which), 0o755); err != nil {
			return err
		}
		host, stop, err := startRegistry(ctx, filepath.Join(dir, which))
		if err != nil {
			return err
		}
		defer stop()
		m := newMeter(host)
		defer m.server.Close()
		meters = append(meters, m)
	}
	for _, text := range strings.Split(*imageCounts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		refs, err := attestedImages(ctx, meters[0].host(), n)
		if err != nil {
			return err
		}
		for _, place := range []string{"within a registry", "between registries"} {
			rows, err := compareCopiers(ctx, copiers(dir, stock), meters, refs, place)
			if err != nil {
				return err
			}
			r.table(fmt.Sprintf("Promote %d images of %d layers with 2 pieces of evidence each, %s", n, layersPerImage, place), rows)
		}
	}
	return nil
}

func compareCopiers(ctx context.Context, all []copier, meters []*meter, refs []string, place string) ([][]string, error) {
	rows := [][]string{{"tool", "evidence", "requests an image", "MiB an image", "again: requests an image", "time", "promote / this"}}
	target := meters[0]
	if place == "between registries" {
		target = meters[1]
	}
	var ours time.Duration
	for _, c := range all {
		to := fmt.Sprintf("%s/%s-%d/app", target.host(), strings.Fields(c.name)[0], len(refs))
		requests, bytes, took, err := copyAll(ctx, c, meters, refs, to)
		if err != nil {
			return nil, err
		}
		again, _, _, err := copyAll(ctx, c, meters, refs, to)
		if err != nil {
			return nil, err
		}
		if ours == 0 {
			ours = took
		}
		n := float64(len(refs))
		rows = append(rows, []string{c.name, c.evidence, fmt.Sprintf("%.1f", float64(requests)/n), fmt.Sprintf("%.2f", float64(bytes)/n/(1<<20)),
			fmt.Sprintf("%.1f", float64(again)/n), ms(took), ratio(ours, took)})
	}
	return rows, nil
}

func copyAll(ctx context.Context, c copier, meters []*meter, refs []string, to string) (requests, bytes int64, took time.Duration, err error) {
	for _, m := range meters {
		m.requests.Store(0)
		m.bytes.Store(0)
	}
	began := time.Now()
	for i, from := range refs {
		args := c.args(from, fmt.Sprintf("%s:v%d", to, i))
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return 0, 0, 0, fmt.Errorf("%s: %w: %s", c.name, err, out)
		}
	}
	took = time.Since(began)
	for _, m := range meters {
		requests += m.requests.Load()
		bytes += m.bytes.Load()
	}
	return requests, bytes, took, nil
}

// attestedImages pushes n random images with two pieces of evidence each.
func attestedImages(ctx context.Context, host string, n int) (refs []string, err error) {
	pair, err := keys.Generate("ecdsa")
	if err != nil {
		return nil, err
	}
	signer, err := keys.ParsePrivate(pair.Private, pair.Password)
	if err != nil {
		return nil, err
	}
	path, err := name.NewRepository(fmt.Sprintf("%s/source-%d/app", host, n))
	if err != nil {
		return nil, err
	}
	repo := ocirepo.New(ocirepo.Access{}).Open(path, ocirepo.Push)
	for range n {
		image, err := random.Image(layerSize, layersPerImage)
		if err != nil {
			return nil, err
		}
		digest, err := image.Digest()
		if err != nil {
			return nil, err
		}
		ref := path.Digest(digest.String())
		if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
			return nil, err
		}
		subject, err := repo.Head(ctx, digest.String())
		if err != nil {
			return nil, err
		}
		var signed []evidence.Signed
		for _, kind := range []string{evidence.ProvenanceType, evidence.SPDXType} {
			s, err := evidence.SealPredicate(signer, subject, evidence.Origin{}, kind, json.RawMessage(`{}`))
			if err != nil {
				return nil, err
			}
			signed = append(signed, s)
		}
		if err := evidence.Attach(ctx, repo, digest, signed...); err != nil {
			return nil, err
		}
		refs = append(refs, ref.String())
	}
	return refs, nil
}

// stockCopiers builds crane, oras and regctl as tests/interop pins them.
func stockCopiers(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "sluice", "copiers")
	for name, pkg := range map[string]string{
		"crane":  "github.com/google/go-containerregistry/cmd/crane",
		"oras":   "oras.land/oras/cmd/oras",
		"regctl": "github.com/regclient/regclient/cmd/regctl",
	} {
		if err := compile(ctx, "../interop", pkg, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, nil
}
