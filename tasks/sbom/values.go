package main

import (
	"fmt"
	"strconv"
	"time"
)

// epoch is a SOURCE_DATE_EPOCH: seconds since 1970, UTC.
type epoch int64

func (e *epoch) String() string { return strconv.FormatInt(int64(*e), 10) }

func (e *epoch) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n >= 1<<36 {
		return fmt.Errorf("%q is not a number of seconds since 1970", text)
	}
	*e = epoch(n)
	return nil
}

func (e epoch) time() time.Time { return time.Unix(int64(e), 0).UTC() }

// size is a number of bytes, written as Kubernetes writes them.
type size int64

var units = []struct {
	suffix string
	bytes  int64
}{{"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}, {"", 1}}

func (s *size) String() string {
	for _, u := range units {
		if int64(*s) >= u.bytes && int64(*s)%u.bytes == 0 {
			return strconv.FormatInt(int64(*s)/u.bytes, 10) + u.suffix
		}
	}
	return "0"
}

func (s *size) Set(text string) error {
	for _, u := range units {
		number, ok := cutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.bytes {
			return fmt.Errorf("%q is not a size such as 512Mi or 8Gi", text)
		}
		*s = size(n * u.bytes)
		return nil
	}
	return nil
}

func cutSuffix(text, suffix string) (string, bool) {
	if len(text) < len(suffix) || text[len(text)-len(suffix):] != suffix {
		return text, false
	}
	return text[:len(text)-len(suffix)], true
}
