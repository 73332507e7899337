package coverage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/coverage"
)

func partly(covered, total, partial uint64) coverage.Counts {
	return coverage.Counts{Covered: covered, Total: total, Partial: partial}
}

const (
	coberturaHead = `<?xml version="1.0"?><coverage line-rate="0.5" version="7">`
	jacocoHead    = `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="shop">`
	cloverHead    = `<?xml version="1.0"?><coverage generated="1730000000" clover="3.2.0"><project>`
)

func TestLineReportsCountLines(t *testing.T) {
	for name, c := range map[string]struct {
		report string
		want   coverage.Counts
		files  []string
	}{
		"LCOV": {"TN:unit\nSF:src/a.c\nFN:1,f\nFNDA:2,f\nDA:1,2\nDA:2,0\nLF:2\nLH:1\nend_of_record\n", counts(1, 2), []string{"src/a.c"}},
		"LCOV with checksums, a drive, backslashes and carriage returns": {
			"SF:C:\\src\\a.c\r\nDA:1,2,abc+/==\r\nDA:2,0,abc\r\nend_of_record\r\n", counts(1, 2), []string{"C:/src/a.c"}},
		"LCOV with one file in two records": {
			"SF:a.c\nDA:1,0\nDA:2,0\nend_of_record\nSF:./a.c\nDA:1,1\nDA:2,0\nend_of_record\n", counts(1, 2), []string{"a.c"}},
		"LCOV with branches not taken": {
			"SF:a.c\nDA:1,4\nDA:2,4\nDA:3,0\nBRDA:1,0,0,4\nBRDA:1,0,1,0\nBRDA:2,0,0,1\nBRDA:2,0,1,3\nBRDA:3,0,0,-\nend_of_record\n", partly(2, 3, 1), []string{"a.c"}},
		"LCOV with a count beyond 64 bits": {"SF:a.c\nDA:1,99999999999999999999999\nend_of_record\n", counts(1, 1), []string{"a.c"}},
		"Cobertura, lines repeated in methods": {
			coberturaHead + `<packages><package name="p"><classes><class name="A" filename="p/a.py"><methods><method name="f"><lines><line number="2" hits="1"/></lines></method></methods>
			<lines><line number="2" hits="1" branch="true" condition-coverage="50% (1/2)"/><line number="3" hits="0"/></lines></class></classes></package></packages></coverage>`,
			partly(1, 2, 1), []string{"p/a.py"}},
		"Cobertura, lines in methods only, and two classes of one file": {
			coberturaHead + `<packages><package><classes><class filename="a.cs"><methods><method><lines><line number="2" hits="1"/></lines></method></methods><lines/></class>
			<class filename="a.cs"><lines><line number="9" hits="0"/></lines></class></classes></package></packages></coverage>`,
			counts(1, 2), []string{"a.cs"}},
		"Cobertura without attributes, with a source": {
			`<coverage><sources><source>/builds/shop</source></sources><packages><package><classes><class filename="a.py"><lines><line number="1" hits="1"/></lines></class></classes></package></packages></coverage>`,
			counts(1, 1), []string{"/builds/shop/a.py"}},
		"JaCoCo, where an instruction that ran hides missed ones": {
			jacocoHead + `<package name="com/shop"><class name="com/shop/A" sourcefilename="A.java"/><sourcefile name="A.java"><line nr="3" mi="0" ci="4" mb="0" cb="0"/><line nr="4" mi="2" ci="1" mb="0" cb="0"/><line nr="5" mi="0" ci="5" mb="1" cb="1"/><line nr="6" mi="3" ci="0" mb="0" cb="0"/></sourcefile></package></report>`,
			partly(3, 4, 2), []string{"com/shop/A.java"}},
		"JaCoCo of two groups": {
			jacocoHead + `<group name="core"><package name="com"><sourcefile name="A.java"><line nr="3" mi="0" ci="4"/></sourcefile></package></group><group name="web"><package name=""><sourcefile name="B.java"><line nr="3" mi="4" ci="0"/></sourcefile></package></group></report>`,
			counts(1, 2), []string{"B.java", "com/A.java"}},
		"Clover by istanbul": {
			cloverHead + `<file name="a.js" path="/app/a.js"><line num="1" count="3" type="stmt"/><line num="2" count="1" type="cond" truecount="1" falsecount="1"/><line num="3" count="0" type="stmt"/></file></project></coverage>`,
			partly(2, 3, 1), []string{"/app/a.js"}},
		"Clover by PHPUnit": {
			`<coverage generated="1"><project timestamp="1"><package name="App"><file name="/app/src/A.php"><class name="A"/><line num="7" type="method" name="f" count="1"/><line num="9" type="stmt" count="1"/><line num="10" type="stmt" count="0"/></file></package></project></coverage>`,
			counts(1, 2), []string{"/app/src/A.php"}},
		"Clover by OpenClover": {
			cloverHead + `<package name="com"><file name="A.java" path="/src/com/A.java"><line num="4" type="cond" truecount="2" falsecount="0"/><line num="5" type="cond" truecount="2" falsecount="1"/><line num="6" type="cond" truecount="0" falsecount="0"/></file></package></project></coverage>`,
			partly(2, 3, 1), []string{"/src/com/A.java"}},
		"names that would upset a terminal": {"SF:src/\x1b[31m\xff.c\nDA:1,1\nend_of_record\n", counts(1, 1), []string{"src/?[31m?.c"}},
		"a byte order mark and ISO 8859-1": {
			"\xef\xbb\xbf" + `<?xml version="1.0" encoding="ISO-8859-1"?><coverage line-rate="1"><packages><package><classes><class filename="` + "caf\xe9" + `.py"><lines><line number="1" hits="1"/></lines></class></classes></package></packages></coverage>`,
			counts(1, 1), []string{"café.py"}},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := read(c.report)
			require.NoError(t, err)
			require.Equal(t, coverage.Lines, report.Unit)
			require.Equal(t, c.want, report.Counts())
			var files []string
			for _, f := range report.Files {
				files = append(files, f.Path)
			}
			require.Equal(t, c.files, files)
		})
	}
}

func TestPartlyCoveredLinesCanBeCountedAsUncovered(t *testing.T) {
	report, err := read("SF:a.c\nDA:1,4\nDA:2,4\nBRDA:1,0,0,4\nBRDA:1,0,1,0\nend_of_record\n")
	require.NoError(t, err)
	report.PartlyAs(coverage.Uncovered)
	require.Equal(t, counts(1, 2), report.Counts())
}

func TestLineReportsAreRefusedWithTheReason(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE coverage [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><coverage line-rate="1">&b;</coverage>`
	for name, c := range map[string]struct{ report, want string }{
		"LCOV truncated in a record":       {"SF:a.c\nDA:1,1\n", "truncated"},
		"LCOV of nothing":                  {"TN:\n", "no DA line"},
		"LCOV with a record of no lines":   {"SF:a.c\nLF:0\nend_of_record\n", "no DA line"},
		"LCOV with a summary only":         {"SF:a.c\nLF:10\nLH:10\nend_of_record\n", "summary but no DA lines"},
		"LCOV with a negative count":       {"SF:a.c\nDA:1,-1\nend_of_record\n", "line 2"},
		"LCOV without a count":             {"SF:a.c\nDA:1\nend_of_record\n", "line 2"},
		"LCOV with a count that is text":   {"SF:a.c\nDA:1,many\nend_of_record\n", "line 2"},
		"LCOV without a file":              {"SF:\nDA:1,1\nend_of_record\n", "SF names no file"},
		"LCOV without SF":                  {"TN:\nDA:1,1\nend_of_record\n", "SF is missing"},
		"LCOV with records run together":   {"SF:a.c\nDA:1,1\nSF:b.c\nend_of_record\n", "end_of_record is missing"},
		"LCOV with noise":                  {"SF:a.c\nDA:1,1\nSegmentation fault\nend_of_record\n", "is no LCOV record"},
		"LCOV with a line beyond 32 bits":  {"SF:a.c\nDA:4294967296,1\nend_of_record\n", "line 2"},
		"XML bomb":                         {bomb, "declares XML entities"},
		"undeclared entity":                {`<coverage line-rate="1">&boom;</coverage>`, "line 1"},
		"XML truncated":                    {coberturaHead + "<packages><package>", "unexpected EOF"},
		"XML with a huge tag":              {coberturaHead + `<packages a="` + strings.Repeat("x", 2<<20) + `"/></coverage>`, "longer than"},
		"XML nested deeply":                {coberturaHead + strings.Repeat("<a>", 100), "nested deeper"},
		"two XML reports in one file":      {jacocoHead + "</report>" + jacocoHead + "</report>", "two reports in one file"},
		"XML of JUnit":                     {"<testsuites><testsuite/></testsuites>", "root of no known coverage report"},
		"coverage of nobody":               {"<coverage><thing/></coverage>", "neither Cobertura nor Clover"},
		"UTF-7":                            {`<?xml version="1.0" encoding="UTF-7"?><coverage/>`, "write it as UTF-8"},
		"Cobertura without lines":          {coberturaHead + "<packages/></coverage>", "no line in it is measured"},
		"Cobertura without a file name":    {coberturaHead + "<packages><class/></packages></coverage>", "<class> without filename"},
		"Cobertura with hits of text":      {coberturaHead + `<packages><class filename="a"><lines><line number="1" hits="yes"/></lines></class></packages></coverage>`, "is not a line"},
		"Cobertura with negative hits":     {coberturaHead + `<packages><class filename="a"><lines><line number="1" hits="-1"/></lines></class></packages></coverage>`, "is not a line"},
		"JaCoCo without debug information": {jacocoHead + `<package name="p"><sourcefile name="A.java"/></package></report>`, "without line numbers"},
		"JaCoCo without counts":            {jacocoHead + `<package name="p"><sourcefile name="A.java"><line nr="1"/></sourcefile></package></report>`, "is not a line"},
		"Clover without counts":            {cloverHead + `<file name="a"><line num="1" type="stmt"/></file></project></coverage>`, "has no count"},
		"Clover without files":             {cloverHead + `</project></coverage>`, "no line in it is measured"},
		"Clover with a line of no kind":    {cloverHead + `<file name="a"><line num="1" count="1"/></file></project></coverage>`, "is not a statement"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(c.report)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestUnitsDoNotMix(t *testing.T) {
	_, err := read("mode: set\na.go:1.1,2.2 3 1\n", "SF:a.c\nDA:1,1\nend_of_record\n")
	require.ErrorContains(t, err, "LCOV report counts lines, the Go report before it counts statements")
}

func TestFormatsOfOneUnitMerge(t *testing.T) {
	require.Equal(t, counts(2, 2), totals(t, "SF:p/a.py\nDA:1,1\nDA:2,0\nend_of_record\n",
		coberturaHead+`<packages><class filename="p/a.py"><lines><line number="1" hits="0"/><line number="2" hits="1"/></lines></class></packages></coverage>`))
}

// fuzz holds every parser to the same promises: no panic, no covered beyond total, and never a report of nothing. It
// starts from reports that real tools wrote, and from seeds.
func fuzz(f *testing.F, real []string, seeds ...string) {
	for _, name := range real {
		report, err := os.ReadFile(filepath.Join("testdata/corpus", name))
		require.NoError(f, err)
		seeds = append(seeds, string(report))
	}
	for _, seed := range seeds {
		f.Add(seed)
		f.Add(seed[:len(seed)/2])
	}
	f.Fuzz(func(t *testing.T, text string) {
		report, err := read(text)
		if err != nil {
			return
		}
		c := report.Counts()
		require.NotZero(t, c.Total)
		require.LessOrEqual(t, c.Covered, c.Total)
		require.LessOrEqual(t, c.Partial, c.Covered)
	})
}

func FuzzLCOV(f *testing.F) {
	fuzz(f, []string{"lcov.info", "c8.info", "coveragepy.info"}, "TN:\nSF:src/a.c\nDA:1,2,x\nDA:2,0\nBRDA:1,0,0,-\nLF:2\nend_of_record\n", "SF:C:\\a\r\nDA:1,1\r\nend_of_record\r\n")
}

func FuzzCobertura(f *testing.F) {
	fuzz(f, []string{"gcovr.xml", "coveragepy.xml", "c8-cobertura.xml"}, coberturaHead+`<sources><source>/a</source></sources><packages><package><classes><class filename="a"><methods><method><lines><line number="1" hits="1"/></lines></method></methods><lines><line number="1" hits="1" condition-coverage="50% (1/2)"/></lines></class></classes></package></packages></coverage>`)
}

func FuzzJaCoCo(f *testing.F) {
	fuzz(f, []string{"jacoco.xml"}, jacocoHead+`<group name="g"><package name="p"><sourcefile name="A.java"><line nr="1" mi="1" ci="1" mb="0" cb="0"/></sourcefile></package></group></report>`)
}

func FuzzClover(f *testing.F) {
	fuzz(f, []string{"c8-clover.xml", "phpunit.xml"}, cloverHead+`<file name="a"><line num="1" count="1" type="stmt"/><line num="2" type="cond" truecount="1" falsecount="0"/></file></project></coverage>`)
}

func ExampleCounts_Reaches() {
	minimum, _ := coverage.ParsePercent("80")
	fmt.Println(coverage.Counts{Covered: 7999, Total: 10000}.Reaches(minimum))
	// Output: false
}
