package migration

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/task"
)

// A Choice is a param with few values.
type Choice struct {
	value   string
	allowed []string
}

// OneOf is a choice whose default is the first value.
func OneOf(values ...string) Choice { return Choice{values[0], values} }

func (c *Choice) String() string { return c.value }

// Set takes one of the values.
func (c *Choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return fmt.Errorf("%q is none of %s", s, strings.Join(c.allowed, ", "))
	}
	c.value = s
	return nil
}

// Bytes is a number of bytes, written with a unit: 64MiB.
type Bytes int64

var units = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

func (b *Bytes) String() string {
	for _, u := range units {
		if int64(*b) >= u.size && int64(*b)%u.size == 0 && *b > 0 {
			return fmt.Sprintf("%d%s", int64(*b)/u.size, u.name)
		}
	}
	return "0"
}

// Set reads 64MiB, 1GiB or a plain number.
func (b *Bytes) Set(s string) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.size {
			return fmt.Errorf("%q is not a number of bytes such as 64MiB", s)
		}
		*b = Bytes(n * u.size)
		return nil
	}
	return nil
}

var digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// CheckDigest refuses what is not an image digest: a tag says nothing about what runs.
func CheckDigest(name, s string) error {
	if digest.MatchString(s) {
		return nil
	}
	return task.Misconfigured("--%s: %q is not an image digest", name, s).WithRemedy("give sha256: and 64 hex digits, such as the build's result IMAGE_DIGEST")
}
