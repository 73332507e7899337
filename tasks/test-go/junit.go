package main

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
)

// The JUnit XML that CI systems read. Source: the schema of Apache Ant's junitreport and Maven Surefire, as far as both
// agree.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr,omitempty"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func (o *options) writeJUnit(out *outcome) error {
	data, err := xml.MarshalIndent(out.junit(), "", "  ")
	if err != nil {
		return fmt.Errorf("encoding junit.xml: %w", err)
	}
	data = append([]byte(xml.Header), append(data, '\n')...)
	if err := task.WriteFile(filepath.Join(o.evidence.Reports, o.prefix+"junit.xml"), data, 0o644); err != nil {
		return fmt.Errorf("writing junit.xml: %w", err)
	}
	return nil
}

func (o *outcome) junit() junitSuites {
	suites := junitSuites{Time: xmlSeconds(o.finished.Sub(o.began))}
	for _, p := range o.tally.packages {
		suite := junitSuite{Name: p.path, Time: xmlSeconds(p.elapsed)}
		if !p.began.IsZero() {
			suite.Timestamp = p.began.UTC().Format("2006-01-02T15:04:05")
		}
		for _, test := range p.tests {
			suite.add(junitCase{Class: p.path, Name: test.name, Time: xmlSeconds(test.elapsed)}, test.state, test.output.String())
		}
		if p.broken() {
			suite.add(junitCase{Class: p.path, Name: "package", Time: xmlSeconds(p.elapsed)}, failed, p.output.String())
		}
		suites.add(suite)
	}
	if o.vet != "" {
		suite := junitSuite{Name: "go vet", Time: "0.000"}
		suite.add(junitCase{Class: "go vet", Name: "vet", Time: "0.000"}, failed, o.vet)
		suites.add(suite)
	}
	return suites
}

func (s *junitSuite) add(c junitCase, how state, output string) {
	s.Tests++
	switch how {
	case failed:
		s.Failures++
		c.Failure = &junitMessage{Message: firstOf(output, "failed"), Text: output}
	case skipped:
		s.Skipped++
		c.Skipped = &junitMessage{Message: firstOf(output, "skipped")}
	}
	s.Cases = append(s.Cases, c)
}

func (s *junitSuites) add(suite junitSuite) {
	s.Tests, s.Failures, s.Skipped = s.Tests+suite.Tests, s.Failures+suite.Failures, s.Skipped+suite.Skipped
	s.Suites = append(s.Suites, suite)
}

// firstOf is the first line that says something.
func firstOf(text, otherwise string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return otherwise
}

func xmlSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
