package promapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds what one query may bring into memory, in bytes.
const maxAnswer = 64 << 20

// queryTimeout is how long one query may take, in the server and on the way.
const queryTimeout = 20 * time.Second

// Options say how to reach the API.
type Options struct {
	TLS           *tls.Config       // trusted roots and client certificate; nil for the system's
	Authorization func() string     // value of the Authorization header, read anew for each query, as tokens rotate; nil for none
	Headers       map[string]string // further headers, such as X-Scope-OrgID
}

// Client asks one API.
type Client struct {
	query   string // URL of /api/v1/query
	options Options
	http    *http.Client
}

// New makes a client for a base URL, to which /api/v1/query is added; a path such as Mimir's /prometheus stays.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("reading the URL %q: %w", base, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not a URL such as https://prometheus.example.com", base)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q holds more than scheme, host and path", u.Redacted())
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	return &Client{
		query:   u.JoinPath("api/v1/query").String(),
		options: o,
		http:    &http.Client{Transport: transport, CheckRedirect: sameHost, Timeout: queryTimeout + 5*time.Second},
	}, nil
}

func sameHost(to *http.Request, via []*http.Request) error {
	if from := via[0].URL; to.URL.Host != from.Host || to.URL.Scheme != from.Scheme {
		return fmt.Errorf("redirected from %s to %s://%s", from.Host, to.URL.Scheme, to.URL.Host)
	}
	if len(via) > 5 {
		return errors.New("more than five redirects")
	}
	return nil
}

// Samples are the raw samples of every series that a selector matches, from after at-span up to at. Errors are [*Error].
func (c *Client) Samples(ctx context.Context, selector string, span time.Duration, at time.Time) ([]Series, error) {
	data, err := c.ask(ctx, fmt.Sprintf("%s[%dms]", selector, span.Milliseconds()), at)
	if err != nil {
		return nil, err
	}
	if data.ResultType != "matrix" {
		return nil, &Error{Kind: Rejected, Message: fmt.Sprintf("answered with a %s, where a range selector gives a matrix", data.ResultType)}
	}
	var series []Series
	if err := json.Unmarshal(data.Result, &series); err != nil {
		return nil, &Error{Kind: Rejected, Message: "answered with samples that cannot be read: " + err.Error()}
	}
	return series, nil
}

// Now is the server's clock.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	data, err := c.ask(ctx, "time()", time.Time{})
	if err != nil {
		return time.Time{}, err
	}
	var point point
	if err := json.Unmarshal(data.Result, &point); err != nil || data.ResultType != "scalar" {
		return time.Time{}, &Error{Kind: Rejected, Message: "answered the query time() with something else than a time"}
	}
	return time.UnixMilli(point.ms), nil
}

type response struct {
	Status    string   `json:"status"`
	Data      data     `json:"data"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
}

type data struct {
	ResultType string          `json:"resultType"`
	Result     json.RawMessage `json:"result"`
}

// ask posts the query, since selectors can be long, and falls back to GET for proxies that allow nothing else.
func (c *Client) ask(ctx context.Context, query string, at time.Time) (data, error) {
	form := url.Values{"query": {query}, "timeout": {queryTimeout.String()}}
	if !at.IsZero() {
		form.Set("time", strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64))
	}
	status, body, err := c.send(ctx, http.MethodPost, form)
	if err == nil && (status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented) {
		status, body, err = c.send(ctx, http.MethodGet, form)
	}
	if err != nil {
		return data{}, err
	}
	return decode(status, body)
}

func (c *Client) send(ctx context.Context, method string, form url.Values) (status int, body []byte, err error) {
	address, content := c.query, io.Reader(strings.NewReader(form.Encode()))
	if method == http.MethodGet {
		address, content = address+"?"+form.Encode(), nil
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return 0, nil, &Error{Kind: Rejected, Message: err.Error()}
	}
	for name, value := range c.options.Headers {
		req.Header.Set(name, value)
	}
	if c.options.Authorization != nil {
		req.Header.Set("Authorization", c.options.Authorization())
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, unreached(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, unreached(err)
	}
	if len(body) > maxAnswer {
		return 0, nil, &Error{Kind: Rejected, Status: resp.StatusCode, Message: fmt.Sprintf("answered with more than %d MiB; narrow the selector", maxAnswer>>20)}
	}
	return resp.StatusCode, body, nil
}

func decode(status int, body []byte) (data, error) {
	var r response
	unreadable := json.Unmarshal(body, &r)
	switch {
	case status/100 != 2:
		return data{}, refused(status, r, body)
	case unreadable != nil || r.Status != "success":
		return data{}, &Error{Kind: Rejected, Status: status, Message: "answered with something that is not Prometheus's JSON: " + excerpt(body)}
	case len(r.Warnings) > 0:
		return data{}, &Error{Kind: Partial, Status: status, Message: "answered in part: " + strings.Join(r.Warnings, "; ")}
	}
	return r.Data, nil
}
