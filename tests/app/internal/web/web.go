// Package web serves the links over HTTP:
//
//	POST   /api/links         {"url": "https://…", "slug": "optional"}  → 201 and the link
//	GET    /api/links/{slug}  → 200 and the link, its visits included
//	DELETE /api/links/{slug}  → 204
//	GET    /{slug}            → 302 to the address
//	GET    /healthz, /readyz, /metrics
package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/shortlink/internal/links"
)

// maxBody is the largest request body that is read, in bytes.
const maxBody = 16 << 10

// Options are what a handler needs besides its store.
type Options struct {
	Version string // as app_build_info tells it
	Chaos   *Chaos // fails requests on purpose; nil fails none
}

type api struct{ store *links.Store }

// New returns the handler of the whole service.
func New(store *links.Store, options Options) http.Handler {
	metrics := newMetrics(store, options.Version)
	a := api{store}
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, metrics.observe(pattern, options.Chaos.fail(h)))
	}
	handle("POST /api/links", a.create)
	handle("GET /api/links/{slug}", a.show)
	handle("DELETE /api/links/{slug}", a.remove)
	handle("GET /{slug}", a.visit)
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", alive)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

func alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

func (a api) create(w http.ResponseWriter, r *http.Request) {
	var body struct{ URL, Slug string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		answer(w, http.StatusBadRequest, problem{"body is not a JSON object with url and slug: " + err.Error()})
		return
	}
	link, err := a.store.Add(body.Slug, body.URL)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Location", "/"+link.Slug)
	answer(w, http.StatusCreated, link)
}

func (a api) show(w http.ResponseWriter, r *http.Request) {
	link, err := a.store.Get(r.PathValue("slug"))
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, link)
}

func (a api) remove(w http.ResponseWriter, r *http.Request) {
	if err := a.store.Remove(r.PathValue("slug")); err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a api) visit(w http.ResponseWriter, r *http.Request) {
	link, err := a.store.Visit(r.PathValue("slug"))
	if err != nil {
		refuse(w, err)
		return
	}
	http.Redirect(w, r, link.URL, http.StatusFound)
}

type problem struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, links.ErrNotFound):
		code = http.StatusNotFound
	case errors.Is(err, links.ErrTaken):
		code = http.StatusConflict
	case errors.Is(err, links.ErrInvalid):
		code = http.StatusUnprocessableEntity
	}
	answer(w, code, problem{err.Error()})
}

func answer(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(value)
}
