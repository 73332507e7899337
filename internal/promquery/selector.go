// Package promquery reads PromQL selectors with Prometheus' own parser, and tells what is wrong with any other expression that is given where
// the raw counters behind a rate are asked for.
//
// A test on counts needs counts. rate and increase extrapolate to fractions; a ratio hides how many requests it stands on, and vanishes
// when everything fails; a sum loses the series that a counter reset has to be found in. So only a plain selector is taken:
//
//	s, err := promquery.Parse(`http_requests_total{track="canary",code=~"5.."}`)
//
// Everything else is refused with the reason and, where the expression holds them, the selectors to give instead.
package promquery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Selector is an instant selector with a metric name, without offset and without @.
type Selector struct {
	Name     string
	matchers []*labels.Matcher // without that of the name
}

// Parse reads a selector. Its errors are for the person who wrote it.
func Parse(text string) (Selector, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return Selector{}, fmt.Errorf("reading %q: %w", text, err)
	}
	vector, ok := expr.(*parser.VectorSelector)
	if !ok {
		return Selector{}, fmt.Errorf("%q is no plain selector: %s", text, reason(expr))
	}
	switch {
	case vector.OriginalOffset != 0 || vector.Timestamp != nil || vector.StartOrEnd != 0:
		return Selector{}, fmt.Errorf("%q is moved in time by offset or @; the gate chooses the times", text)
	case strings.Contains(vector.Name, ":"):
		return Selector{}, fmt.Errorf("%q is the result of a recording rule, which cannot be counted; name the counter that it was made from", text)
	}
	s := Selector{Name: vector.Name}
	for _, m := range vector.LabelMatchers {
		if m.Name == labels.MetricName {
			if m.Type != labels.MatchEqual {
				return Selector{}, fmt.Errorf("%q matches several metrics; name one", text)
			}
			s.Name = m.Value
			continue
		}
		s.matchers = append(s.matchers, m)
	}
	if s.Name == "" {
		return Selector{}, fmt.Errorf("%q names no metric", text)
	}
	return s, nil
}

// With is the selector narrowed by further matchers, written as in PromQL without the braces: `code=~"5..",method="GET"`. The empty text adds none.
func (s Selector) With(matchers string) (Selector, error) {
	more, err := Parse("x{" + matchers + "}")
	if err != nil {
		return Selector{}, fmt.Errorf("%q are no matchers such as app=\"web\",track=\"canary\": %w", matchers, err)
	}
	return Selector{Name: s.Name, matchers: append(slices.Clip(s.matchers), more.matchers...)}, nil
}

// Named is the selector of another metric under the same matchers.
func (s Selector) Named(name string) Selector {
	return Selector{Name: name, matchers: s.matchers}
}

// String is the selector in PromQL.
func (s Selector) String() string {
	parts := make([]string, len(s.matchers))
	for i, m := range s.matchers {
		parts[i] = m.String()
	}
	if !model.LegacyValidation.IsValidMetricName(s.Name) {
		return "{" + strings.Join(append([]string{strconv.Quote(s.Name)}, parts...), ",") + "}"
	}
	if len(parts) == 0 {
		return s.Name
	}
	return s.Name + "{" + strings.Join(parts, ",") + "}"
}

// Matches tells whether a series, given by its labels, is one that the selector selects.
func (s Selector) Matches(series map[string]string) bool {
	if series[labels.MetricName] != s.Name {
		return false
	}
	for _, m := range s.matchers {
		if !m.Matches(series[m.Name]) {
			return false
		}
	}
	return true
}

// Narrows tells whether s selects from the same metric as wide with all of its matchers and more, so that every series of s is one of wide.
// extra are the label names that s asks for besides.
func (s Selector) Narrows(wide Selector) (extra []string, ok bool) {
	if s.Name != wide.Name {
		return nil, false
	}
	written := func(m *labels.Matcher) string { return m.String() }
	var mine []string
	for _, m := range s.matchers {
		mine = append(mine, written(m))
	}
	for _, m := range wide.matchers {
		if !slices.Contains(mine, written(m)) {
			return nil, false
		}
	}
	for _, m := range s.matchers {
		if !slices.ContainsFunc(wide.matchers, func(w *labels.Matcher) bool { return written(w) == written(m) }) {
			extra = append(extra, m.Name)
		}
	}
	return extra, len(extra) > 0
}
