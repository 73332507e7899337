package gitserver

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"

	"github.com/sluice-ci/sluice/internal/uploadpack"
)

// maxRequest is the largest request body that is read, in bytes.
const maxRequest = 8 << 20

// Handler serves every repository below root for reading, by git's smart HTTP protocol: root/app.git is /app.git.
// Source: gitprotocol-http(5).
func Handler(root string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{repository}/info/refs", func(w http.ResponseWriter, r *http.Request) {
		if service := r.URL.Query().Get("service"); service != "git-upload-pack" {
			http.Error(w, fmt.Sprintf("service %q is not offered", service), http.StatusForbidden)
			return
		}
		if err := advertise(w, filepath.Join(root, r.PathValue("repository"))); err != nil {
			fail(w, err)
		}
	})
	mux.HandleFunc("POST /{repository}/git-upload-pack", func(w http.ResponseWriter, r *http.Request) {
		if err := respond(w, r, filepath.Join(root, r.PathValue("repository"))); err != nil {
			fail(w, err)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(path.Clean(r.URL.Path), "..") {
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func advertise(w http.ResponseWriter, repository string) error {
	storer, err := uploadpack.Open(repository)
	if err != nil {
		return err
	}
	refs, err := uploadpack.Advertise(storer)
	if err != nil {
		return err
	}
	refs.Prefix = [][]byte{[]byte("# service=git-upload-pack"), pktline.Flush}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	w.Header().Set("Cache-Control", "no-cache")
	return refs.Encode(w)
}

func respond(w http.ResponseWriter, r *http.Request, repository string) error {
	storer, err := uploadpack.Open(repository)
	if err != nil {
		return err
	}
	body := io.Reader(http.MaxBytesReader(w, r.Body, maxRequest))
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("%w: %w", uploadpack.ErrBadRequest, err)
		}
		body = io.LimitReader(unzipped, maxRequest)
	}
	request, err := uploadpack.ReadRequest(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	w.Header().Set("Cache-Control", "no-cache")
	return uploadpack.Respond(r.Context(), storer, request, w)
}

func fail(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, uploadpack.ErrBadRequest):
		code = http.StatusBadRequest
	case errors.Is(err, os.ErrNotExist), strings.Contains(err.Error(), "repository not found"):
		code = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.Error(w, err.Error(), code)
}
