package build

import (
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platforms are what an image is built for.
type Platforms []v1.Platform

// String writes them as a flag has them.
func (p *Platforms) String() string {
	var texts []string
	for _, one := range *p {
		texts = append(texts, one.String())
	}
	return strings.Join(texts, ",")
}

// Set reads a comma-separated list such as linux/amd64,linux/arm64/v8.
func (p *Platforms) Set(text string) error {
	*p = nil
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		one, err := v1.ParsePlatform(entry)
		if err != nil || one.OS != "linux" || one.Architecture == "" || one.OSVersion != "" {
			return fmt.Errorf("%q is not a platform such as linux/amd64", entry)
		}
		for _, other := range *p {
			if other.Equals(*one) {
				return fmt.Errorf("%q is there twice", entry)
			}
		}
		*p = append(*p, *one)
	}
	return nil
}

// Epoch is a time in whole seconds since 1970, as SOURCE_DATE_EPOCH has it
// (https://reproducible-builds.org/specs/source-date-epoch).
type Epoch int64

// String writes it as a flag has it.
func (e *Epoch) String() string { return strconv.FormatInt(int64(*e), 10) }

// Set reads a number of seconds that is not negative.
func (e *Epoch) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a number of seconds since 1970", text)
	}
	*e = Epoch(n)
	return nil
}
