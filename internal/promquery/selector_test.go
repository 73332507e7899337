package promquery

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSelectorsAreReadAndWrittenBack(t *testing.T) {
	for text, want := range map[string]string{
		`up`:                              `up`,
		`http_requests_total{code="500"}`: `http_requests_total{code="500"}`,
		`{__name__="up",job="a"}`:         `up{job="a"}`,
		`x{a="b", c!~"d|e",}`:             `x{a="b",c!~"d|e"}`,
		`{"http.server.duration_count",service="web"}`: `{"http.server.duration_count",service="web"}`,
	} {
		s, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, s.String())
	}
}

func TestEveryOtherExpressionIsRefusedWithItsReason(t *testing.T) {
	for text, want := range map[string]string{
		``:                         "reading",
		`sum(`:                     "reading",
		`{}`:                       "reading",
		`{job="a"}`:                "names no metric",
		`{__name__=~"a|b"}`:        "several metrics",
		`up offset 5m`:             "moved in time",
		`up @ 100`:                 "moved in time",
		`up @ end()`:               "moved in time",
		`up[5m]`:                   "a range is added by the gate itself",
		`job:http_requests:rate5m`: "recording rule",
		`sum(errors) / sum(total)`: "a ratio hides",
		`sum(rate(a{x="1"}[5m])) / sum(rate(b[5m]))`: `the counters in it are a{x="1"} and b`,
		`sum(http_requests_total)`:                   "sum before rate hides counter resets",
		`sum by (code) (rate(a[1m]))`:                "rate extrapolates to fractions",
		`rate(a[1m])`:                                "mixes in traffic from before it",
		`increase(a[1m])`:                            "increase extrapolates",
		`irate(a[1m])`:                               "irate sees the last two samples only",
		`rate(sum(a)[5m:10s])`:                       "rate comes before sum",
		`(sum(a))`:                                   "sum before rate",
		`histogram_quantile(0.99, sum by (le) (rate(a_bucket[5m])))`: "a move inside one is invisible",
		`absent(a)`:               "turns missing data into a number",
		`vector(0)`:               "turns missing data into a number",
		`a or b`:                  "the operator or mixes series",
		`a > 5`:                   "the operator > mixes series",
		`42`:                      "a constant measures nothing",
		`"text"`:                  "a constant measures nothing",
		`max_over_time(a[5m:1m])`: "max_over_time does not give raw counts",
		`a[5m:1m]`:                "a subquery samples anew",
		`-a`:                      "is no counter",
	} {
		_, err := Parse(text)
		require.ErrorContainsf(t, err, want, "%s", text)
	}
}

func TestWithNarrowsASelector(t *testing.T) {
	total, err := Parse(`r{app="web"}`)
	require.NoError(t, err)
	errors, err := total.With(`code=~"5.."`)
	require.NoError(t, err)
	require.Equal(t, `r{app="web",code=~"5.."}`, errors.String())
	extra, ok := errors.Narrows(total)
	require.True(t, ok)
	require.Equal(t, []string{"code"}, extra)
	_, ok = total.Narrows(errors)
	require.False(t, ok)
	_, ok = errors.Named("s").Narrows(total)
	require.False(t, ok)
	same, err := total.With("")
	require.NoError(t, err)
	require.Equal(t, total.String(), same.String())
	for _, bad := range []string{`code`, `"} or up{x="`, `app=web`, `x="1"} or y{`} {
		_, err := total.With(bad)
		require.Errorf(t, err, "%s", bad)
	}
}

func TestMatchesSelectsByNameAndEveryMatcher(t *testing.T) {
	s, err := Parse(`r{code=~"5..",app!="x"}`)
	require.NoError(t, err)
	require.True(t, s.Matches(map[string]string{"__name__": "r", "code": "503"}))
	require.False(t, s.Matches(map[string]string{"__name__": "r", "code": "5030"}))
	require.False(t, s.Matches(map[string]string{"__name__": "r", "code": "500", "app": "x"}))
	require.False(t, s.Matches(map[string]string{"__name__": "q", "code": "500"}))
}

func FuzzParse(f *testing.F) {
	f.Add(`r{code=~"5.."}`)
	f.Add(`sum(rate(a[5m])) / sum(rate(b[5m]))`)
	f.Add(`{"weird name",x="é"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again, err := Parse(s.String())
		require.NoErrorf(t, err, "written back as %q", s.String())
		require.Equal(t, s.String(), again.String())
	})
}
