package main

import (
	"fmt"
	"strings"
	"time"
)

// narrate prints a package's line once it is done.
func (t *tally) narrate(p *testPackage) {
	passedTests, failedTests, skippedTests := p.counts()
	all := plural(passedTests+failedTests+skippedTests, "test")
	word, detail := "ok", all
	switch {
	case p.state == failed && p.broken():
		word, detail = "FAIL", "did not compile, or ended early"
	case p.state == failed:
		word, detail = "FAIL", fmt.Sprintf("%d of %s", failedTests, all)
	case len(p.tests) == 0:
		word, detail = "-", "no tests"
	}
	if p.note != "" {
		detail += ", " + p.note
	}
	fmt.Fprintf(t.out, "%-4s  %s  %s  (%s)\n", word, p.path, p.elapsed.Round(time.Millisecond), detail)
	if p.broken() {
		fmt.Fprint(t.out, indent(p.output.String()))
	}
}

// narrateFailure prints a failed test's output as soon as it is known. A parent that failed only because a subtest did
// has nothing to add.
func (t *tally) narrateFailure(p *testPackage, test *testCase) {
	if strings.TrimSpace(test.output.String()) == "" && p.hasFailedBelow(test) {
		return
	}
	fmt.Fprintf(t.out, "FAIL  %s  %s  %s\n%s", p.path, test.name, test.elapsed.Round(time.Millisecond), indent(test.output.String()))
}

func (p *testPackage) hasFailedBelow(parent *testCase) bool {
	for _, test := range p.tests {
		if test.state == failed && strings.HasPrefix(test.name, parent.name+"/") {
			return true
		}
	}
	return false
}

func (p *testPackage) counts() (passedTests, failedTests, skippedTests int) {
	for _, test := range p.tests {
		switch test.state {
		case passed:
			passedTests++
		case failed:
			failedTests++
		case skipped:
			skippedTests++
		}
	}
	return passedTests, failedTests, skippedTests
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func indent(text string) string {
	text = strings.Trim(text, "\n")
	if text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
}

// lastLines are the last n lines of a text, without the blanks that all of them begin with.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	lines = lines[max(0, len(lines)-n):]
	margin := len(text)
	for _, line := range lines {
		if rest := strings.TrimLeft(line, " "); rest != "" {
			margin = min(margin, len(line)-len(rest))
		}
	}
	for i, line := range lines {
		lines[i] = line[min(margin, len(line)):]
	}
	return strings.Join(lines, "\n")
}
