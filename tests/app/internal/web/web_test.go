package web

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/shortlink/internal/links"
)

func service(t *testing.T, options Options) http.Handler {
	t.Helper()
	store, err := links.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return New(store, options)
}

func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestALinkFromCreationToRemoval(t *testing.T) {
	h := service(t, Options{})
	for _, step := range []struct {
		method, path, body string
		code               int
		holds              string
	}{
		{"POST", "/api/links", `{"url":"https://go.dev","slug":"go"}`, 201, `"slug":"go"`},
		{"POST", "/api/links", `{"url":"https://go.dev","slug":"go"}`, 201, `"slug":"go"`},
		{"POST", "/api/links", `{"url":"https://pkg.go.dev","slug":"go"}`, 409, "taken"},
		{"POST", "/api/links", `{"url":"ftp://go.dev"}`, 422, "not an http"},
		{"POST", "/api/links", `nonsense`, 400, "not a JSON object"},
		{"POST", "/api/links", `{"url":"https://` + strings.Repeat("a", maxBody) + `"}`, 400, "too large"},
		{"GET", "/go", "", 302, "https://go.dev"},
		{"GET", "/api/links/go", "", 200, `"visits":1`},
		{"DELETE", "/api/links/go", "", 204, ""},
		{"DELETE", "/api/links/go", "", 404, "no such link"},
		{"GET", "/go", "", 404, "no such link"},
		{"GET", "/api/links/go", "", 404, "no such link"},
		{"GET", "/healthz", "", 200, "ok"},
	} {
		w := ask(h, step.method, step.path, step.body)
		if w.Code != step.code || !strings.Contains(w.Body.String(), step.holds) {
			t.Errorf("%s %s: got %d %q, want %d with %q", step.method, step.path, w.Code, w.Body, step.code, step.holds)
		}
	}
}

func TestMetricsTellCodesRoutesAndTheVersion(t *testing.T) {
	h := service(t, Options{Version: "1.2.3"})
	ask(h, "POST", "/api/links", `{"url":"https://go.dev","slug":"go"}`)
	ask(h, "GET", "/go", "")
	ask(h, "GET", "/none", "")
	text := ask(h, "GET", "/metrics", "").Body.String()
	for _, want := range []string{
		`http_requests_total{code="201",method="POST",route="POST /api/links"} 1`,
		`http_requests_total{code="302",method="GET",route="GET /{slug}"} 1`,
		`http_requests_total{code="404",method="GET",route="GET /{slug}"} 1`,
		`http_request_duration_seconds_count{route="GET /{slug}"} 2`,
		`shortlink_links 1`,
		`app_build_info{version="1.2.3"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestAStoreThatFailsIsAServerError(t *testing.T) {
	store, err := links.Open(t.TempDir() + "/links.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	if w := ask(New(store, Options{}), "POST", "/api/links", `{"url":"https://go.dev"}`); w.Code != 500 {
		t.Errorf("got %d, want 500", w.Code)
	}
}

func TestChaosFailsItsShareAndSparesHealth(t *testing.T) {
	chaos, err := NewChaos(0.2, 7)
	if err != nil {
		t.Fatal(err)
	}
	h, failed := service(t, Options{Chaos: chaos}), 0
	const requests = 5000
	for i := range requests {
		if ask(h, "GET", fmt.Sprintf("/api/links/%d", i), "").Code == http.StatusServiceUnavailable {
			failed++
		}
		if code := ask(h, "GET", "/readyz", "").Code; code != 200 {
			t.Fatalf("readyz: %d", code)
		}
	}
	if share := float64(failed) / requests; math.Abs(share-0.2) > 0.03 {
		t.Errorf("%.3f of the requests failed, want about 0.2", share)
	}
}

func TestChaosRefusesARateThatIsNoProbability(t *testing.T) {
	for _, rate := range []float64{-0.1, 1.01, math.NaN()} {
		if _, err := NewChaos(rate, 1); err == nil {
			t.Errorf("rate %v was taken", rate)
		}
	}
}
