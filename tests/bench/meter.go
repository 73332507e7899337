package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// meter stands before a registry and counts requests, and bytes of bodies both ways.
// The version check, which each process makes once, is left out.
// It can answer late, as a registry does that is not on the same machine.
type meter struct {
	requests, bytes atomic.Int64
	delay           time.Duration // before each request; not to be changed during one
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
		time.Sleep(m.delay)
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
