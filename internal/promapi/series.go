package promapi

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Series is one time series with its raw samples, oldest first. It is read from, and written as, the API's own JSON.
type Series struct {
	Labels  map[string]string `json:"metric"`
	Samples []Sample          `json:"values,omitempty"`
	Native  []NativeSample    `json:"histograms,omitempty"`
}

// ID names the series: its labels in order.
func (s Series) ID() string {
	names := make([]string, 0, len(s.Labels))
	for name := range s.Labels {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s=%q,", name, s.Labels[name])
	}
	return b.String()
}

// Sample is a float sample. Time is in milliseconds since 1970.
type Sample struct {
	Time  int64
	Value float64
}

// NativeSample is a native histogram at one time, in milliseconds since 1970.
type NativeSample struct {
	Time      int64
	Histogram Histogram
}

// Histogram is a native histogram: the count of all observations and of those in each bucket that is not empty, in ascending order.
type Histogram struct {
	Count   float64
	Sum     float64
	Buckets []Bucket
}

// Bucket counts the observations between two bounds.
type Bucket struct {
	Boundaries   int // which bounds are within: 0 the upper, 1 the lower, 2 none, 3 both
	Lower, Upper float64
	Count        float64
}

type point struct {
	ms    int64
	value json.RawMessage
}

func (p *point) UnmarshalJSON(b []byte) error {
	var pair [2]json.RawMessage
	if err := unmarshalExactly(b, pair[:]); err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(string(pair[0]), 64)
	if err != nil || math.Abs(seconds) > 1e12 {
		return fmt.Errorf("%s is not a time in seconds", pair[0])
	}
	p.ms, p.value = int64(math.Round(seconds*1000)), pair[1]
	return nil
}

// unmarshalExactly reads a list of as many entries as into has.
func unmarshalExactly(b []byte, into []json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	if len(list) != len(into) {
		return fmt.Errorf("a list of %d entries, not %d", len(list), len(into))
	}
	copy(into, list)
	return nil
}

// UnmarshalJSON reads [seconds, "value"].
func (s *Sample) UnmarshalJSON(b []byte) error {
	var p point
	if err := p.UnmarshalJSON(b); err != nil {
		return err
	}
	s.Time = p.ms
	return readFloat(p.value, &s.Value)
}

// MarshalJSON writes [seconds, "value"].
func (s Sample) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `[%s,%q]`, seconds(s.Time), formatFloat(s.Value)), nil
}

// UnmarshalJSON reads [seconds, {count, sum, buckets}].
func (s *NativeSample) UnmarshalJSON(b []byte) error {
	var p point
	if err := p.UnmarshalJSON(b); err != nil {
		return err
	}
	s.Time = p.ms
	return json.Unmarshal(p.value, &s.Histogram)
}

// MarshalJSON writes [seconds, {count, sum, buckets}].
func (s NativeSample) MarshalJSON() ([]byte, error) {
	h, err := json.Marshal(s.Histogram)
	return fmt.Appendf(nil, `[%s,%s]`, seconds(s.Time), h), err
}

type wireHistogram struct {
	Count   json.RawMessage `json:"count"`
	Sum     json.RawMessage `json:"sum"`
	Buckets []Bucket        `json:"buckets,omitempty"`
}

// UnmarshalJSON reads the API's form, in which numbers are strings.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var w wireHistogram
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	h.Buckets = w.Buckets
	if err := readFloat(w.Count, &h.Count); err != nil {
		return err
	}
	return readFloat(w.Sum, &h.Sum)
}

// MarshalJSON writes the API's form.
func (h Histogram) MarshalJSON() ([]byte, error) {
	quoted := func(f float64) json.RawMessage { return fmt.Appendf(nil, "%q", formatFloat(f)) }
	return json.Marshal(wireHistogram{quoted(h.Count), quoted(h.Sum), h.Buckets})
}

// UnmarshalJSON reads [boundaries, "lower", "upper", "count"].
func (u *Bucket) UnmarshalJSON(b []byte) error {
	var parts [4]json.RawMessage
	if err := unmarshalExactly(b, parts[:]); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[0], &u.Boundaries); err != nil {
		return err
	}
	for i, f := range []*float64{&u.Lower, &u.Upper, &u.Count} {
		if err := readFloat(parts[i+1], f); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON writes [boundaries, "lower", "upper", "count"].
func (u Bucket) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `[%d,%q,%q,%q]`, u.Boundaries, formatFloat(u.Lower), formatFloat(u.Upper), formatFloat(u.Count)), nil
}

func readFloat(b json.RawMessage, f *float64) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is not a number in a string", b)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return fmt.Errorf("%q is not a number", s)
	}
	*f = v
	return nil
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) }
