package promapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/promapi"
	"github.com/sluice-ci/sluice/internal/promtest"
)

var (
	ctx   = context.Background()
	start = time.UnixMilli(1_700_000_000_250)
)

func client(t *testing.T, base string, o promapi.Options) *promapi.Client {
	c, err := promapi.New(base, o)
	require.NoError(t, err)
	return c
}

func TestSamplesAreThoseThatWereScraped(t *testing.T) {
	server := promtest.New(t)
	for i, v := range []float64{3, 5.5, 1} {
		server.Add(start.Add(time.Duration(i)*15*time.Second), v, "__name__", "r", "code", "200")
	}
	server.Add(start, 7, "__name__", "r", "code", "500")
	series, err := client(t, server.URL, promapi.Options{}).Samples(ctx, "r", time.Minute, start.Add(30*time.Second))
	require.NoError(t, err)
	require.Equal(t, []promapi.Series{
		{Labels: map[string]string{"__name__": "r", "code": "200"}, Samples: []promapi.Sample{
			{Time: start.UnixMilli(), Value: 3}, {Time: start.UnixMilli() + 15_000, Value: 5.5}, {Time: start.UnixMilli() + 30_000, Value: 1}}},
		{Labels: map[string]string{"__name__": "r", "code": "500"}, Samples: []promapi.Sample{{Time: start.UnixMilli(), Value: 7}}},
	}, series)
}

func TestASampleAtTheLeftEdgeOfTheRangeIsNotAskedForTwice(t *testing.T) {
	server := promtest.New(t)
	for i := range 4 {
		server.Add(start.Add(time.Duration(i)*15*time.Second), float64(i), "__name__", "r")
	}
	c := client(t, server.URL, promapi.Options{})
	seen := 0
	for i := 1; i <= 3; i++ {
		series, err := c.Samples(ctx, "r", 15*time.Second, start.Add(time.Duration(i)*15*time.Second))
		require.NoError(t, err)
		seen += len(series[0].Samples)
	}
	require.Equal(t, 3, seen)
}

func TestStaleMarkersAreNoSamples(t *testing.T) {
	server := promtest.New(t)
	server.Add(start, 1, "__name__", "r")
	server.Stale(start.Add(time.Second), "__name__", "r")
	series, err := client(t, server.URL, promapi.Options{}).Samples(ctx, "r", time.Minute, start.Add(2*time.Second))
	require.NoError(t, err)
	require.Len(t, series[0].Samples, 1)
}

func TestNativeHistogramsComeWithTheirBuckets(t *testing.T) {
	server := promtest.New(t)
	server.AddNative(start, tsdbutil.GenerateTestHistogram(3), "__name__", "h")
	series, err := client(t, server.URL, promapi.Options{}).Samples(ctx, "h", time.Minute, start)
	require.NoError(t, err)
	h := series[0].Native[0].Histogram
	sum := 0.0
	for _, b := range h.Buckets {
		sum += b.Count
		require.Less(t, b.Lower, b.Upper)
	}
	require.Equal(t, h.Count, sum)
}

func TestSeriesAreWrittenAsTheyWereRead(t *testing.T) {
	server := promtest.New(t)
	server.AddNative(start, tsdbutil.GenerateTestHistogram(5), "__name__", "h")
	for i, v := range []float64{0, math.Inf(1), math.NaN(), 1e300, 0.1} {
		server.Add(start.Add(time.Duration(i)*time.Millisecond), v, "__name__", "f")
	}
	for _, selector := range []string{"h", "f"} {
		series, err := client(t, server.URL, promapi.Options{}).Samples(ctx, selector, time.Minute, start.Add(time.Second))
		require.NoError(t, err)
		once, err := json.Marshal(series)
		require.NoError(t, err)
		var again []promapi.Series
		require.NoError(t, json.Unmarshal(once, &again))
		twice, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	}
}

func TestNowIsTheServersClock(t *testing.T) {
	now, err := client(t, promtest.New(t).URL, promapi.Options{}).Now(ctx)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), now, 5*time.Second)
}

// answer serves one fixed answer: what proxies and servers of other kinds say.
func answer(t *testing.T, status int, body string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestEachFailureHasItsKind(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   promapi.Kind
		says   string
	}{
		{"bad request", 400, `{"status":"error","errorType":"bad_data","error":"parse error"}`, promapi.Rejected, "parse error (HTTP 400)"},
		{"unauthorized", 401, `no`, promapi.Denied, `"no" (HTTP 401)`},
		{"forbidden", 403, ``, promapi.Denied, "an empty answer"},
		{"not found", 404, `404 page not found`, promapi.Rejected, "404 page not found"},
		{"request timeout", 408, ``, promapi.Unavailable, "408"},
		{"cannot execute", 422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples"}`, promapi.Rejected, "too many samples"},
		{"too many requests", 429, ``, promapi.Unavailable, "429"},
		{"internal", 500, ``, promapi.Unavailable, "500"},
		{"bad gateway", 502, `<html>bad gateway</html>`, promapi.Unavailable, "bad gateway"},
		{"not ready", 503, `Service Unavailable`, promapi.Unavailable, "Service Unavailable"},
		{"login page", 200, `<html>Sign in</html>`, promapi.Rejected, "not Prometheus's JSON"},
		{"empty", 200, ``, promapi.Rejected, "an empty answer"},
		{"no content", 204, ``, promapi.Rejected, "an empty answer"},
		{"cut JSON", 200, `{"status":"success","data":{"resultType":"matrix","resu`, promapi.Rejected, "not Prometheus's JSON"},
		{"error in success", 200, `{"status":"error","error":"x"}`, promapi.Rejected, "not Prometheus's JSON"},
		{"partial", 200, `{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["store a is down"]}`, promapi.Partial, "store a is down"},
		{"vector", 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, promapi.Rejected, "gives a matrix"},
		{"odd point", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2",3]]}]}}`, promapi.Rejected, "cannot be read"},
		{"odd number", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"two"]]}]}}`, promapi.Rejected, "cannot be read"},
		{"odd time", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e99,"2"]]}]}}`, promapi.Rejected, "cannot be read"},
		{"number without string", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,2]]}]}}`, promapi.Rejected, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client(t, answer(t, c.status, c.body), promapi.Options{}).Samples(ctx, "r", time.Minute, start)
			var e *promapi.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind)
			require.Contains(t, e.Error(), c.says)
		})
	}
}

func TestAServerThatIsDownIsUnavailable(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	_, err := client(t, s.URL, promapi.Options{}).Samples(ctx, "r", time.Minute, start)
	var e *promapi.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Transient())
}

func TestAnUntrustedCertificateStaysUntrusted(t *testing.T) {
	s := httptest.NewTLSServer(promtest.New(t))
	t.Cleanup(s.Close)
	_, err := client(t, s.URL, promapi.Options{}).Now(ctx)
	var e *promapi.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, promapi.Rejected, e.Kind)
	_, err = client(t, s.URL, promapi.Options{TLS: s.Client().Transport.(*http.Transport).TLSClientConfig}).Now(ctx)
	require.NoError(t, err)
}

func TestPlainHTTPBehindAnHTTPSAddressIsRejected(t *testing.T) {
	server := promtest.New(t)
	_, err := client(t, strings.Replace(server.URL, "http:", "https:", 1), promapi.Options{}).Now(ctx)
	var e *promapi.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, promapi.Rejected, e.Kind)
}

func TestCredentialsAndHeadersAreSentAndNotCarriedToAnotherHost(t *testing.T) {
	server := promtest.New(t)
	server.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("X-Scope-OrgID") != "team" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	o := promapi.Options{Authorization: func() string { return "Bearer t0ken" }, Headers: map[string]string{"X-Scope-OrgID": "team"}}
	_, err := client(t, server.URL, o).Now(ctx)
	require.NoError(t, err)

	redirecting := httptest.NewServer(http.RedirectHandler(server.URL+"/api/v1/query", http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	_, err = client(t, redirecting.URL, o).Now(ctx)
	var e *promapi.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, promapi.Rejected, e.Kind)
	require.Contains(t, e.Error(), "redirected from")
}

func TestAProxyThatAllowsOnlyGetIsAskedByGet(t *testing.T) {
	server := promtest.New(t)
	server.Handle(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	_, err := client(t, server.URL, promapi.Options{}).Now(ctx)
	require.NoError(t, err)
}

func TestAPrefixOfTheURLStays(t *testing.T) {
	server := promtest.New(t)
	server.Handle(func(next http.Handler) http.Handler { return http.StripPrefix("/prometheus", next) })
	for _, base := range []string{server.URL + "/prometheus", server.URL + "/prometheus/"} {
		_, err := client(t, base, promapi.Options{}).Now(ctx)
		require.NoError(t, err)
	}
}

func TestURLsThatAreNoneAreRefused(t *testing.T) {
	for _, base := range []string{"", "prometheus:9090", "ftp://a", "http://", "http://user:pw@a", "http://a?b=c", "://", "http://a#b"} {
		_, err := promapi.New(base, promapi.Options{})
		require.Errorf(t, err, "%q", base)
		require.NotContains(t, err.Error(), "pw")
	}
}

func TestACancelledQueryIsNotARejection(t *testing.T) {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := client(t, promtest.New(t).URL, promapi.Options{}).Now(cancelled)
	require.True(t, errors.Is(cancelled.Err(), context.Canceled))
	var e *promapi.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Transient())
}

func FuzzAnswer(f *testing.F) {
	f.Add(`[{"metric":{"__name__":"r"},"values":[[1435781430.781,"1"],[2,"NaN"]]}]`)
	f.Add(`[{"metric":{},"histograms":[[1,{"count":"10","sum":"3","buckets":[[3,"-0.25","0.25","3"],[0,"0.5","1","7"]]}]]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var series []promapi.Series
		if json.Unmarshal([]byte(text), &series) != nil {
			return
		}
		once, err := json.Marshal(series)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(once, &series))
		twice, err := json.Marshal(series)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}

func FuzzURL(f *testing.F) {
	f.Add("http://a/b")
	f.Fuzz(func(t *testing.T, base string) {
		if _, err := promapi.New(base, promapi.Options{}); err == nil {
			u, err := url.Parse(base)
			require.NoError(t, err)
			require.Nil(t, u.User)
		}
	})
}
