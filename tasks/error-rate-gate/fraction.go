package main

import (
	"fmt"
	"math/big"
	"strings"
)

// fraction is an exact share between 0 and 1, written in percent: "0.5%". The sign is required, since a plain 0.5 might mean either. The
// text is kept, so that reports say what the person wrote; the empty text is no fraction.
type fraction struct{ text string }

func (f *fraction) String() string { return f.text }

// Set reads "0.5%".
func (f *fraction) Set(text string) error {
	if text == "" {
		f.text = ""
		return nil
	}
	if _, err := parseFraction(text); err != nil {
		return err
	}
	f.text = text
	return nil
}

// MarshalText and UnmarshalText make reports and objective files hold the text.
func (f fraction) MarshalText() ([]byte, error) { return []byte(f.text), nil }

// UnmarshalText reads the same as Set.
func (f *fraction) UnmarshalText(b []byte) error { return f.Set(string(b)) }

func parseFraction(text string) (*big.Rat, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	r, ok := new(big.Rat), false
	if percent && len(number) <= 12 && strings.Trim(number, "0123456789.") == "" {
		_, ok = r.SetString(number)
	}
	if !ok {
		return nil, fmt.Errorf("%q is no percentage such as 0.5%%", text)
	}
	r.Quo(r, big.NewRat(100, 1))
	if r.Cmp(big.NewRat(1, 1)) >= 0 || r.Sign() == 0 {
		return nil, fmt.Errorf("%q is not between 0 and 100 %%", text)
	}
	return r, nil
}

func (f fraction) isSet() bool { return f.text != "" }

// rat is exact; f must be set.
func (f fraction) rat() *big.Rat {
	r, err := parseFraction(f.text)
	if err != nil {
		panic(err) // Set let no other text in
	}
	return r
}

func (f fraction) float() float64 {
	v, _ := f.rat().Float64()
	return v
}

// half of a fraction, exactly.
func (f fraction) half() fraction {
	r := f.rat()
	r.Quo(r, big.NewRat(2, 100))
	text := r.FloatString(20)
	return fraction{strings.TrimRight(strings.TrimRight(text, "0"), ".") + "%"}
}

// reached tells whether errors of total are at least the share: errors * denominator >= total * numerator, in integers.
func (f fraction) reached(errors, total int64) bool {
	r := f.rat()
	left := new(big.Int).Mul(big.NewInt(errors), r.Denom())
	return left.Cmp(new(big.Int).Mul(big.NewInt(total), r.Num())) >= 0
}

// percent writes a share for people, with as many digits as tell it from its neighbours.
func percent(share float64) string {
	switch {
	case share == 0 || share == 1:
		return fmt.Sprintf("%g %%", share*100)
	case share < 0.0001:
		return fmt.Sprintf("%.2g %%", share*100)
	case share < 0.1:
		return fmt.Sprintf("%.3f %%", share*100)
	}
	return fmt.Sprintf("%.2f %%", share*100)
}
