package coverage

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Unit is what a report counts. One report has one unit; profiles of different units are never added up.
type Unit string

// Go profiles count statements; LCOV, Cobertura, JaCoCo and Clover count lines.
const (
	Statements Unit = "statements"
	Lines      Unit = "lines"
)

// Counts are covered and total units. Partial units are those of the covered ones that ran, but not in full: some
// branch or instruction on that line never did.
type Counts struct {
	Covered, Total, Partial uint64
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Covered += other.Covered
	c.Total += other.Total
	c.Partial += other.Partial
}

// Uncovered is how many units never ran.
func (c Counts) Uncovered() uint64 { return c.Total - c.Covered }

// Reaches reports whether covered/total is at least minimum, in integers: 79.999 % does not reach 80 %. Nothing out of
// nothing reaches no minimum above zero.
func (c Counts) Reaches(minimum Percent) bool {
	if c.Total == 0 {
		return minimum.millionths == 0
	}
	left, leftLow := bits.Mul64(c.Covered, 100*1e6)
	right, rightLow := bits.Mul64(c.Total, minimum.millionths)
	return left > right || left == right && leftLow >= rightLow
}

// Below reports whether c's share is smaller than that of other, by cross multiplication.
func (c Counts) Below(other Counts) bool {
	left, leftLow := bits.Mul64(c.Covered, other.Total)
	right, rightLow := bits.Mul64(other.Covered, c.Total)
	return left < right || left == right && leftLow < rightLow
}

// Percent is the share in percent with two decimals, rounded down, so that what is printed never looks better
// than what was measured. It is "none" when there is nothing to measure.
func (c Counts) Percent() string {
	if c.Total == 0 {
		return "none"
	}
	h := c.hundredths()
	return fmt.Sprintf("%d.%02d", h/100, h%100)
}

// Float is Percent as a number, also rounded down to two decimals; 0 when there is nothing to measure.
func (c Counts) Float() float64 {
	if c.Total == 0 {
		return 0
	}
	return float64(c.hundredths()) / 100
}

func (c Counts) hundredths() uint64 {
	high, low := bits.Mul64(min(c.Covered, c.Total), 100*100)
	quotient, _ := bits.Div64(high, low, c.Total)
	return quotient
}

func (c Counts) String() string { return fmt.Sprintf("%d/%d", c.Covered, c.Total) }

// Percent is a threshold between 0 and 100 %, exact to a millionth of a percent. It is a flag.Value.
type Percent struct {
	millionths uint64
	text       string
}

// ParsePercent reads "80", "79.95" or "80%". It refuses signs, exponents, values above 100 and more than six decimals,
// which it could not hold exactly.
func ParsePercent(s string) (Percent, error) {
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	whole, fraction, dotted := strings.Cut(text, ".")
	if !digits(whole) || dotted && !digits(fraction) {
		return Percent{}, fmt.Errorf("percentage %q is not a number such as 80 or 79.95", s)
	}
	if len(fraction) > 6 {
		return Percent{}, fmt.Errorf("percentage %q has more than six decimals", s)
	}
	fraction += strings.Repeat("0", 6-len(fraction))
	n, err := strconv.ParseUint(whole+fraction, 10, 64)
	if err != nil || n > 100*1e6 {
		return Percent{}, fmt.Errorf("percentage %q is not between 0 and 100", s)
	}
	return Percent{millionths: n, text: text}, nil
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// IsZero reports whether p asks for nothing.
func (p Percent) IsZero() bool { return p.millionths == 0 }

// Less reports whether p is a weaker threshold than other.
func (p Percent) Less(other Percent) bool { return p.millionths < other.millionths }

// Float is p as a number, for reports; rules are decided by Counts.Reaches.
func (p Percent) Float() float64 { return float64(p.millionths) / 1e6 }

// String is the percentage as it was written, without the sign.
func (p Percent) String() string {
	if p.text == "" {
		return "0"
	}
	return p.text
}

// Set parses s into p, as flag.Value asks.
func (p *Percent) Set(s string) error {
	parsed, err := ParsePercent(s)
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// UnmarshalJSON reads a number or a string, so that rule files may say 80 or "80%".
func (p *Percent) UnmarshalJSON(data []byte) error { return p.Set(strings.Trim(string(data), `"`)) }

// MarshalJSON writes the percentage as a number.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }
