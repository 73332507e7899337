package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// event is one line of go test -json. Source: go doc cmd/test2json and, for build-output and build-fail, go help buildjson.
type event struct {
	Time        time.Time
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// state is how a test or a package stands.
type state string

const (
	running state = "running"
	passed  state = "passed"
	failed  state = "failed"
	skipped state = "skipped"
)

// maxOutput is how much of one test's output is kept, in bytes: its end.
const maxOutput = 64 << 10

// testCase is one test, or subtest, of a package.
type testCase struct {
	name    string
	state   state
	elapsed time.Duration
	output  tail
}

// testPackage is one package with its tests in the order in which they began.
type testPackage struct {
	path    string
	state   state
	elapsed time.Duration
	began   time.Time
	tests   []*testCase
	byName  map[string]*testCase
	output  tail // of the package itself: coverage, panics between tests, why it did not compile
	note    string
}

// tally follows the events of go test, narrates them, and counts.
type tally struct {
	out      io.Writer
	packages []*testPackage
	byPath   map[string]*testPackage
	builds   map[string]*tail // output of the compiler, by import path as the build names it
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, byPath: map[string]*testPackage{}, builds: map[string]*tail{}}
}

// line takes one line of output. What is not an event is passed on: a program run by a test may have written it.
func (t *tally) line(line []byte) {
	var e event
	if len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
		if len(line) > 0 {
			fmt.Fprintf(t.out, "%s\n", line)
		}
		return
	}
	t.take(e)
}

func (t *tally) take(e event) {
	switch e.Action {
	case "build-output":
		if t.builds[e.ImportPath] == nil {
			t.builds[e.ImportPath] = &tail{}
		}
		t.builds[e.ImportPath].add(e.Output)
		return
	case "build-fail":
		return
	}
	if e.Package == "" {
		return
	}
	p := t.pkg(e)
	if e.Test == "" {
		p.take(e, t)
		return
	}
	test := p.test(e.Test)
	switch e.Action {
	case "output":
		if !framing(e.Output) {
			test.output.add(e.Output)
		}
	case "pass":
		test.finish(passed, e)
		test.output = tail{} // nobody asks
	case "skip":
		test.finish(skipped, e)
	case "fail":
		test.finish(failed, e)
		t.narrateFailure(p, test)
	}
}

func (t *tally) pkg(e event) *testPackage {
	p, ok := t.byPath[e.Package]
	if !ok {
		p = &testPackage{path: e.Package, state: running, began: e.Time, byName: map[string]*testCase{}}
		t.byPath[e.Package] = p
		t.packages = append(t.packages, p)
	}
	return p
}

func (p *testPackage) test(name string) *testCase {
	test, ok := p.byName[name]
	if !ok {
		test = &testCase{name: name, state: running}
		p.byName[name] = test
		p.tests = append(p.tests, test)
	}
	return test
}

func (c *testCase) finish(s state, e event) {
	c.state, c.elapsed = s, seconds(e.Elapsed)
}

// take follows an event of the package itself.
func (p *testPackage) take(e event, t *tally) {
	switch e.Action {
	case "output":
		p.output.add(e.Output)
		if note, ok := strings.CutPrefix(strings.TrimSpace(e.Output), "coverage: "); ok {
			p.note = "coverage " + strings.TrimSuffix(note, " of statements")
		}
	case "pass", "skip", "fail":
		p.state = map[string]state{"pass": passed, "skip": skipped, "fail": failed}[e.Action]
		p.elapsed = seconds(e.Elapsed)
		if b := t.builds[e.FailedBuild]; e.FailedBuild != "" && b != nil {
			p.output = tail{text: b.String() + p.output.String()}
		}
		p.settle()
		t.narrate(p)
	}
}

// settle marks tests that never said how they ended: the package panicked, timed out or exited under them.
func (p *testPackage) settle() {
	for _, test := range p.tests {
		if test.state == running {
			test.state = failed
			if test.output.empty() {
				test.output.add(p.output.String())
			}
			test.output.add("(did not finish)\n")
		}
	}
}

// end settles packages that the go command never finished.
func (t *tally) end() {
	for _, p := range t.packages {
		if p.state == running {
			p.state = failed
			p.output.add("(the go command ended before the package did)\n")
			p.settle()
		}
	}
}

// broken tells whether the package failed although none of its tests did: it did not compile, or ended early.
func (p *testPackage) broken() bool {
	if p.state != failed {
		return false
	}
	for _, test := range p.tests {
		if test.state == failed {
			return false
		}
	}
	return true
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// framing tells the lines with which go test frames a test's output.
func framing(line string) bool {
	line = strings.TrimLeft(line, " ")
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// tail keeps the end of a text.
type tail struct {
	text string
	cut  bool
}

func (t *tail) add(s string) {
	t.text += s
	if len(t.text) > 2*maxOutput {
		t.text, t.cut = t.text[len(t.text)-maxOutput:], true
	}
}

func (t *tail) empty() bool { return t.text == "" }

func (t *tail) String() string {
	text := t.text
	if len(text) > maxOutput {
		text = text[len(text)-maxOutput:]
	}
	if t.cut || len(text) < len(t.text) {
		return "…" + strings.ToValidUTF8(text, "")
	}
	return text
}
