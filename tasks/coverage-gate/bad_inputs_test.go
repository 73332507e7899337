package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/contract"
	"github.com/sluice-ci/sluice/internal/task"
)

// badInput is something that has turned a gate green, or crashed it, somewhere.
type badInput struct {
	name    string
	profile string                         // content of cover.out
	files   map[string]string              // further files, of the workspaces' parent
	args    []string                       // further arguments
	prepare func(t *testing.T, dir string) // what a text cannot say
	code    int                            // exit code
	says    string                         // part of the message
}

const goodProfile = "mode: set\nexample.com/shop/a.go:3.13,5.2 4 1\nexample.com/shop/a.go:7.13,9.2 1 0\n"

var badInputs = []badInput{
	{name: "no profile written", prepare: remove("reports/cover.out"), code: 2, says: "no such file"},
	{name: "empty profile", profile: " ", code: 2, says: "it is empty"},
	{name: "mode line only", profile: "mode: set\n", code: 2, says: "no block of statements"},
	{name: "blocks without statements", profile: "mode: set\nexample.com/shop/a.go:3.13,3.15 0 1\n", code: 2, says: "no statements at all"},
	{name: "truncated in a block", profile: goodProfile + "example.com/shop/a.go:11.1", code: 2, says: "line 4"},
	{name: "truncated before the count", profile: goodProfile + "example.com/shop/a.go:11.13,12.2 1 ", code: 2, says: "line 4"},
	{name: "unknown mode", profile: "mode: lines\nexample.com/shop/a.go:3.13,5.2 4 1\n", code: 2, says: "mode"},
	{name: "no mode line", profile: "example.com/shop/a.go:3.13,5.2 4 1\n", code: 2, says: "no known format"},
	{name: "an error page instead of a profile", profile: "<!DOCTYPE html>\n<html><body>502</body></html>", code: 2, says: "no known coverage report"},
	{name: "JSON", profile: `{"total":{"lines":{"pct":100}}}`, code: 2, says: "no known format"},
	{name: "binary noise", profile: "\x00\x01\x02\xff", code: 2, says: "no known format"},
	{name: "UTF-16 by PowerShell", profile: "\xff\xfem\x00o\x00d\x00e\x00:\x00", code: 2, says: "UTF-16"},
	{name: "LCOV truncated in a record", profile: "SF:a.go\nDA:3,1\n", code: 2, says: "truncated"},
	{name: "LCOV with a summary and no lines", profile: "SF:a.go\nLF:10\nLH:10\nend_of_record\n", code: 2, says: "no DA lines"},
	{name: "LCOV with a negative count", profile: "SF:a.go\nDA:3,-1\nend_of_record\n", code: 2, says: "line 2"},
	{name: "Cobertura without lines", profile: `<coverage line-rate="1.0" lines-valid="0"><packages/></coverage>`, code: 2, says: "no line in it is measured"},
	{name: "Cobertura truncated", profile: `<coverage line-rate="1.0"><packages><package>`, code: 2, says: "unexpected EOF"},
	{name: "JaCoCo without debug information", profile: `<report name="shop"><package name="p"><sourcefile name="a.go"/></package></report>`, code: 2, says: "without line numbers"},
	{name: "Clover without counts", profile: `<coverage generated="1"><project><file name="a.go"><line num="3" type="stmt"/></file></project></coverage>`, code: 2, says: "has no count"},
	{name: "an XML entity bomb", profile: `<!DOCTYPE coverage [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><coverage line-rate="1">&b;</coverage>`, code: 2, says: "declares XML entities"},
	{name: "an XML tag of two megabytes", profile: `<coverage line-rate="` + strings.Repeat("1", 2<<20) + `"/>`, code: 2, says: "longer than"},
	{name: "two XML reports in one file", profile: strings.Repeat(`<report name="shop"></report>`, 2), code: 2, says: "two reports in one file"},
	{name: "JUnit XML", profile: `<testsuites tests="3"/>`, code: 2, says: "no known coverage report"},
	{name: "statements and lines together", files: map[string]string{"reports/js.info": "SF:a.js\nDA:1,1\nend_of_record\n"}, args: []string{"--profile=cover.out,js.info"}, code: 2, says: "do not add up"},
	{name: "a negative count", profile: "mode: count\nexample.com/shop/a.go:3.13,5.2 4 -1\n", code: 2, says: "line 2"},
	{name: "a line of a gigabyte", profile: "mode: set\n" + strings.Repeat("a", 2<<20), code: 2, says: "longer than"},
	{name: "profile of another project", profile: "mode: set\nexample.com/other/b.go:3.13,5.2 4 1\n", code: 2, says: "is it the profile of this source"},
	{name: "two builds of one file", profile: goodProfile + "mode: set\nexample.com/shop/a.go:3.13,6.2 5 1\n", code: 2, says: "two versions of the file"},
	{name: "one place with two sizes", profile: goodProfile + "example.com/shop/a.go:3.13,5.2 3 1\n", code: 2, says: "different builds"},
	{name: "the second of two profiles is empty", files: map[string]string{"reports/it.out": ""}, args: []string{"--profile=cover.out,it.out"}, code: 2, says: "it is empty"},
	{name: "the second of two profiles is missing", args: []string{"--profile=cover.out,it.out"}, code: 2, says: "no such file"},
	{name: "no profile named", args: []string{"--profile="}, code: 2, says: "no profile is named"},
	{name: "a link to a secret", prepare: linkInstead("/etc/hostname", "reports/cover.out"), code: 2, says: "path escapes"},
	{name: "a report outside of reports", args: []string{"--profile=../source/cover.out"}, code: 2, says: "path escapes"},
	{name: "a pipe", prepare: pipe("reports/cover.out"), code: 2, says: "not a regular file"},
	{name: "a GOCOVERDIR that is empty", prepare: directory("reports/cover.out"), code: 2, says: "without covmeta files"},
	{name: "a GOCOVERDIR of a program that was killed", prepare: coverDir("covcounters", deleted), code: 2, says: "killed before"},
	{name: "a GOCOVERDIR with its counters cut off", prepare: coverDir("covcounters", cutInHalf), code: 2, says: "covcounters"},
	{name: "a GOCOVERDIR with its meta-data cut off", prepare: coverDir("covmeta", cutInHalf), code: 2, says: "covmeta"},
	{name: "a GOCOVERDIR with meta-data of zeroes", prepare: coverDir("covmeta", overwritten), code: 2, says: "covmeta"},
	{name: "a GOCOVERDIR with counters and no meta-data", prepare: coverDir("covmeta", deleted), code: 2, says: "without covmeta files"},
	{name: "a patch minimum without a patch", args: []string{"--minimum-patch=80"}, code: 2, says: "without a patch"},
	{name: "a patch that is not there", args: []string{"--minimum-patch=80", "--patch=change.diff"}, code: 2, says: "no such file"},
	{name: "an empty patch", files: map[string]string{"reports/change.diff": ""}, args: []string{"--minimum-patch=80", "--patch=change.diff"}, code: 2, says: "no changed file is in it"},
	{name: "a patch that was cut", files: map[string]string{"reports/change.diff": "--- a/a.go\n+++ b/a.go\n@@ -1,5 +1,5 @@\n package shop\n"}, args: []string{"--patch=change.diff"}, code: 2, says: "truncated"},
	{name: "a patch of another commit", files: map[string]string{"reports/change.diff": "--- a/a.go\n+++ b/a.go\n@@ -1 +1 @@\n-package a\n+package b\n"}, args: []string{"--patch=change.diff"}, code: 2, says: "belongs to another commit"},
	{name: "a patch of another directory", files: map[string]string{"reports/change.diff": "--- a/svc/a.go\n+++ b/svc/a.go\n@@ -1 +1 @@\n-package a\n+package shop\n"}, args: []string{"--patch=change.diff"}, code: 2, says: "relative to the source"},
	{name: "the combined diff of a merge", files: map[string]string{"reports/change.diff": "diff --cc a.go\n"}, args: []string{"--patch=change.diff"}, code: 2, says: "combined diff"},
	{name: "a base without a repository", args: []string{"--base=main"}, code: 2, says: "opening the repository"},
	{name: "new code that no profile knows", files: map[string]string{"source/b/b.go": "package b\n\nfunc B() { B() }\n", "reports/change.diff": "--- /dev/null\n+++ b/b/b.go\n@@ -0,0 +1,3 @@\n+package b\n+\n+func B() { B() }\n"}, args: []string{"--minimum-patch=80", "--patch=change.diff"}, code: 1, says: "0.00 % of the changed statements"},
	{name: "new code of a language that the report knows, but not this file", profile: "SF:a.js\nDA:1,1\nend_of_record\n", files: map[string]string{"source/a.js": "a\n", "source/b.js": "b\n", "reports/change.diff": "--- /dev/null\n+++ b/b.js\n@@ -0,0 +1 @@\n+b\n"}, args: []string{"--minimum-patch=80", "--patch=change.diff"}, code: 3, says: "1 changed file is in no report"},
	{name: "a baseline that is not there", args: []string{"--baseline=before.json"}, code: 2, says: "no such file"},
	{name: "an empty baseline", files: map[string]string{"reports/before.out": "", "reports/change.diff": "--- a/go.mod\n+++ b/go.mod\n@@ -1 +1 @@\n-module x\n+module example.com/shop\n"}, args: []string{"--baseline=before.out", "--patch=change.diff"}, code: 2, says: "it is empty"},
	{name: "evidence of no number as baseline", files: map[string]string{"reports/before.json": `{"predicateType":"https://sluice-ci.github.io/predicates/gate/v1","predicate":{"gate":"coverage-gate","measured":{}}}`}, args: []string{"--baseline=before.json"}, code: 2, says: "it holds no number"},
	{name: "evidence of another gate as baseline", files: map[string]string{"reports/before.json": `{"predicateType":"https://sluice-ci.github.io/predicates/gate/v1","predicate":{"gate":"error-rate-gate"}}`}, args: []string{"--baseline=before.json"}, code: 2, says: "not evidence of coverage-gate"},
	{name: "a base image by tag", args: []string{"--baseline-image=registry.example.com/app:main", "--baseline-keys=testdata/keys"}, code: 2, says: "does not name an image by digest"},
	{name: "a base image without keys", args: []string{"--baseline-image=registry.example.com/app@sha256:" + strings.Repeat("0", 64)}, code: 2, says: "unsigned evidence is none"},
	{name: "a registry that is down", args: []string{"--baseline-image=127.0.0.1:1/app@sha256:" + strings.Repeat("0", 64), "--baseline-keys=testdata/keys", "--retry-budget=100ms"}, code: 3, says: "127.0.0.1:1"},
	{name: "a second run without a baseline", args: []string{"--rerun-profile=cover.out"}, code: 2, says: "without --baseline"},
	{name: "a minimum of 101", args: []string{"--minimum=101"}, code: 2, says: "between 0 and 100"},
	{name: "a minimum of eighty", args: []string{"--minimum=eighty"}, code: 2, says: "not a number"},
	{name: "a minimum of -1", args: []string{"--minimum=-1"}, code: 2, says: "not a number"},
	{name: "no minimum at all", args: []string{"--minimum=0"}, code: 2, says: "nothing could ever be refused"},
	{name: "a rule file that is not there", args: []string{"--rules=coverage.yaml"}, code: 2, says: "reading rules"},
	{name: "a rule file that leads out of the source", prepare: link("/etc/hostname", "source/coverage.yaml"), args: []string{"--rules=coverage.yaml"}, code: 2, says: "reading rules"},
	{name: "everything excluded", args: []string{"--exclude=**"}, code: 2, says: "nothing is left to judge"},
	{name: "everything generated", files: map[string]string{"source/a.go": "// Code generated by hand. DO NOT EDIT.\npackage shop\n"}, code: 2, says: "nothing is left to judge"},
	{name: "an absolute exclusion", args: []string{"--exclude=/workspace/source/**"}, code: 2, says: "relative to the source"},
	{name: "79.95 % against 80 %", profile: "mode: set\nexample.com/shop/a.go:3.13,5.2 1599 1\nexample.com/shop/a.go:7.13,9.2 401 0\n", code: 1, says: "79.95 % of statements"},
	{name: "79.999999 % against 80 %", profile: "mode: set\nexample.com/shop/a.go:3.13,5.2 79999999 1\nexample.com/shop/a.go:7.13,9.2 20000001 0\n", code: 1, says: "79.99 % of statements"},
	{name: "a duplicate of -coverpkg that would count twice", profile: "mode: set\nexample.com/shop/a.go:3.13,5.2 1 1\nexample.com/shop/a.go:7.13,9.2 1 0\nexample.com/shop/a.go:3.13,5.2 1 1\nexample.com/shop/a.go:3.13,5.2 1 1\nexample.com/shop/a.go:3.13,5.2 1 1\n", code: 1, says: "50.00 % of statements covered (1/2)"},
	{name: "an untested package beside a tested one", files: map[string]string{"source/b/b.go": "package b\n"}, profile: "mode: set\nexample.com/shop/a.go:3.13,5.2 1 1\nexample.com/shop/b/b.go:3.13,5.2 9 0\n", code: 1, says: "worst: b 0.00 %"},
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, name))) }
}

func pipe(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		remove(name)(t, dir)
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o644))
	}
}

func directory(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		remove(name)(t, dir)
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
}

func linkInstead(to, name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		remove(name)(t, dir)
		link(to, name)(t, dir)
	}
}

func link(to, name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { require.NoError(t, os.Symlink(to, filepath.Join(dir, name))) }
}

// run executes the gate on a small module of which 80 % is covered.
func (b badInput) run(t *testing.T) (code int, stderr, dir string) {
	return b.runIn(t, t.Context())
}

func (b badInput) runIn(t *testing.T, ctx context.Context) (code int, stderr, dir string) {
	dir = t.TempDir()
	files := map[string]string{
		"source/go.mod":     "module example.com/shop\n",
		"source/a.go":       "package shop\n\nfunc A() {\n}\n\n\nfunc B() {\n}\n",
		"reports/cover.out": goodProfile,
	}
	if b.profile != "" {
		files["reports/cover.out"] = b.profile
	}
	for name, text := range b.files {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	if b.prepare != nil {
		b.prepare(t, dir)
	}
	args := append([]string{"--source=" + filepath.Join(dir, "source"), "--reports=" + filepath.Join(dir, "reports")}, b.args...)
	var out, errs bytes.Buffer
	code = newCommand().Execute(ctx, args, strings.NewReader(""), &out, &errs, func(string) string { return "" })
	return code, strings.ReplaceAll(errs.String(), dir, "…"), dir
}

func TestResultsFitHoweverLongAPathIs(t *testing.T) {
	long := strings.Repeat("ärger/", 200)
	require.LessOrEqual(t, len(shorten(long, task.MaxResult)), task.MaxResult)
	require.True(t, utf8.ValidString(shorten(long, task.MaxResult)))
	require.True(t, utf8.ValidString(shorten("x"+long, task.MaxResult)))
	require.Equal(t, "short", shorten("short", task.MaxResult))
}

func TestUnavailableRegistriesAreNoVerdict(t *testing.T) {
	_, _, dir := badInput{args: []string{"--baseline-image=127.0.0.1:1/app@sha256:" + strings.Repeat("0", 64), "--baseline-keys=testdata/keys", "--retry-budget=100ms"}}.run(t)
	predicate, err := os.ReadFile(filepath.Join(dir, "reports/coverage-gate.json"))
	require.NoError(t, err)
	require.Contains(t, string(predicate), `"verdict": "unavailable"`)
}

func TestACancelledRunDecidesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stderr, dir := badInput{}.runIn(t, ctx)
	require.Equal(t, task.CodeUndecided, code, stderr)
	require.NoFileExists(t, filepath.Join(dir, "reports/coverage-gate.json"))
}

func TestGoodInputPasses(t *testing.T) {
	code, stderr, _ := badInput{}.run(t)
	require.Equal(t, task.CodeDone, code, stderr)
}

// TestBadInputsNeverPass holds the table in README.md to what really happens.
func TestBadInputsNeverPass(t *testing.T) {
	var table strings.Builder
	table.WriteString("| input | exit code | what a person sees |\n| --- | --- | --- |\n")
	for _, b := range badInputs {
		t.Run(b.name, func(t *testing.T) {
			code, stderr, dir := b.run(t)
			require.Equal(t, b.code, code, stderr)
			require.Contains(t, stderr, b.says)
			first, _, _ := strings.Cut(stderr, "\n")
			first = strings.TrimPrefix(first, "coverage-gate: ")
			fmt.Fprintf(&table, "| %s | %d | %s |\n", b.name, code, shownInTable(first))
			predicate, err := os.ReadFile(filepath.Join(dir, "reports/coverage-gate.json"))
			if err == nil {
				require.NotContains(t, string(predicate), `"verdict": "pass"`)
			}
		})
	}
	replaceInREADME(t, "bad inputs", table.String())
}

var (
	attempts  = regexp.MustCompile(`\d+ attempts?`)
	listing   = regexp.MustCompile(`listing the \w+ of "[^"]+"`) // tags and referrers are asked for at once
	coverFile = regexp.MustCompile(`(covmeta|covcounters)\.[0-9a-f.]+`)
)

// shownInTable makes one short line of code of a message, the same in every run.
func shownInTable(s string) string {
	s = attempts.ReplaceAllString(s, "… attempts")
	s = listing.ReplaceAllString(s, "listing …")
	s = coverFile.ReplaceAllString(s, "$1.…")
	if r := []rune(s); len(r) > 170 {
		s = string(r[:170]) + "…"
	}
	return "`" + strings.NewReplacer("|", `\|`, "`", "'").Replace(s) + "`"
}

// replaceInREADME rewrites the text between <!-- name --> and <!-- /name -->, or with -update missing requires it to be
// fresh.
func replaceInREADME(t *testing.T, name, text string) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(data), "<!-- "+name+" -->\n")
	require.Truef(t, ok, "README.md has a part for %s", name)
	_, after, ok := strings.Cut(rest, "<!-- /"+name+" -->")
	require.Truef(t, ok, "README.md has an end of the part for %s", name)
	fresh := before + "<!-- " + name + " -->\n" + text + "<!-- /" + name + " -->" + after
	if contract.Update() {
		require.NoError(t, os.WriteFile("README.md", []byte(fresh), 0o644))
		return
	}
	require.Equal(t, fresh, string(data), "README.md is stale: go test ./tasks/coverage-gate -update")
}
