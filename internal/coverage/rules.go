package coverage

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// Rules is the file of exceptions that a repository keeps under review:
//
//	minimums:
//	  - path: internal/billing/**
//	    minimum-package: 95
//	    reason: money
//	exclude:
//	  - path: "**/mock_*.go"
//	    reason: written by mockgen
//
// Of several minimums that match, the last one counts, as in CODEOWNERS.
type Rules struct {
	Minimums []MinimumRule `json:"minimums,omitempty"`
	Exclude  []ExcludeRule `json:"exclude,omitempty"`
}

// MinimumRule replaces the general minimum of a package, a file or both.
type MinimumRule struct {
	Path           Pattern  `json:"path"`
	MinimumPackage *Percent `json:"minimum-package,omitempty"`
	MinimumFile    *Percent `json:"minimum-file,omitempty"`
	Reason         string   `json:"reason"`
}

// ExcludeRule takes files out of every number.
type ExcludeRule struct {
	Path   Pattern `json:"path"`
	Reason string  `json:"reason"`
}

// ParseRules reads a rule file. It refuses unknown fields, and an entry without path, reason or effect.
func ParseRules(data []byte) (*Rules, error) {
	var r Rules
	if err := yaml.UnmarshalStrict(data, &r); err != nil {
		return nil, err
	}
	for i, m := range r.Minimums {
		if m.Path.re == nil || m.Reason == "" || m.MinimumPackage == nil && m.MinimumFile == nil {
			return nil, fmt.Errorf("minimums[%d] needs path, reason, and minimum-package or minimum-file", i)
		}
	}
	for i, e := range r.Exclude {
		if e.Path.re == nil || e.Reason == "" {
			return nil, fmt.Errorf("exclude[%d] needs path and reason", i)
		}
	}
	return &r, nil
}

// PackageMinimum is the minimum of the package at path, where general is that of all others.
func (r *Rules) PackageMinimum(path string, general Percent) Percent {
	for _, m := range r.Minimums {
		if m.MinimumPackage != nil && m.Path.Match(path) {
			general = *m.MinimumPackage
		}
	}
	return general
}

// FileMinimum is the minimum of the file at path, where general is that of all others.
func (r *Rules) FileMinimum(path string, general Percent) Percent {
	for _, m := range r.Minimums {
		if m.MinimumFile != nil && m.Path.Match(path) {
			general = *m.MinimumFile
		}
	}
	return general
}
