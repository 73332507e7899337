// Package coveragetest writes made-up coverage reports of any size, to measure what reading them takes.
package coveragetest

import (
	"bufio"
	"fmt"
	"io"
)

// Formats that Write knows.
var Formats = []string{"Go", "LCOV", "Cobertura", "JaCoCo", "Clover"}

const linesPerFile = 500

// template of a report: what begins and ends it, what begins and ends each file, [1], and what each line is: the file, the
// line, the line two further on, and how often it ran.
type template struct{ head, file, line, end, tail string }

var templates = map[string]template{
	"Go": {
		head: "mode: atomic\n",
		line: "github.com/example/application/internal/component%[1]d/file.go:%[2]d.20,%[3]d.2 2 %[4]d\n",
	},
	"LCOV": {
		head: "TN:unit\n",
		file: "SF:/builds/application/src/component%[1]d/file.c\n",
		line: "DA:%[2]d,%[4]d\n",
		end:  "end_of_record\n",
	},
	"Cobertura": {
		head: `<?xml version="1.0"?>` + "\n" + `<coverage line-rate="0.5" version="7"><sources><source>/builds/application</source></sources><packages><package name="p"><classes>` + "\n",
		file: `<class name="c%[1]d" filename="src/component%[1]d/file.py"><methods/><lines>` + "\n",
		line: `<line number="%[2]d" hits="%[4]d"/>` + "\n",
		end:  "</lines></class>\n",
		tail: "</classes></package></packages></coverage>\n",
	},
	"JaCoCo": {
		head: `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="application">`,
		file: `<package name="com/example/component%[1]d"><sourcefile name="File.java">`,
		line: `<line nr="%[2]d" mi="0" ci="%[4]d" mb="0" cb="0"/>`,
		end:  "</sourcefile></package>",
		tail: "</report>",
	},
	"Clover": {
		head: `<?xml version="1.0"?><coverage generated="1" clover="3.2.0"><project>` + "\n",
		file: `<file name="file.js" path="/builds/application/src/component%[1]d/file.js">` + "\n",
		line: `<line num="%[2]d" count="%[4]d" type="stmt"/>` + "\n",
		end:  "</file>\n",
		tail: "</project></coverage>\n",
	},
}

// Write writes a report of so many distinct lines, or blocks, each of them reported so often, in passes over all of them,
// as a report summed up from many test programs has them.
func Write(w io.Writer, format string, distinct, repeats int) error {
	t, known := templates[format]
	if !known {
		return fmt.Errorf("writing a report: no format %q", format)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteString(t.head)
	for range repeats {
		for at := range distinct {
			file, line := at/linesPerFile, 10+3*(at%linesPerFile)
			if at%linesPerFile == 0 {
				fmt.Fprintf(out, t.file, file)
			}
			fmt.Fprintf(out, t.line, file, line, line+2, at%3)
			if at%linesPerFile == linesPerFile-1 || at == distinct-1 {
				out.WriteString(t.end)
			}
		}
	}
	out.WriteString(t.tail)
	return out.Flush() // the first error of all
}
