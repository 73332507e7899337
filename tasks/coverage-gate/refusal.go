package main

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// outcome ends the run: a line of narration, a refusal, or the admission that nothing can be said.
func (d *decision) outcome(r *task.Run) error {
	switch d.verdict {
	case predicate.Pass:
		r.Printf("%s", d.headline())
		if p, ok := d.ofRule("minimum-patch"); ok {
			r.Printf("%s", d.patchLine(p))
		}
		return nil
	case predicate.Insufficient:
		unmeasured := d.change.Unmeasured
		return task.Undecided("%s in no report, so nobody knows whether it ran: %s (%s)",
			plural(len(unmeasured), "changed file is", "changed files are"), firstOf(unmeasured), strings.Join(d.options.profiles, ", ")).
			WithRemedy("measure them too, or leave them out by --exclude or --rules under CODEOWNERS review")
	}
	return d.refusal()
}

// headline says in one line what was measured and, where there is one, the rule.
func (d *decision) headline() string {
	counts := d.report.Counts()
	text := fmt.Sprintf("%s %% of %s covered (%s)", counts.Percent(), d.report.Unit, counts)
	if r, ok := d.ofRule("minimum"); ok {
		relation := "at least"
		if !r.holds() {
			relation = "below"
		}
		text += fmt.Sprintf(", %s the minimum %s %%", relation, r.minimum)
	}
	return text
}

// found are the sentences of the rules that do not hold, and the rules.
func (d *decision) found() (found, rules []string) {
	for _, one := range []struct {
		rule string
		say  func([]ruling) string
	}{
		{"minimum", func([]ruling) string { return d.headline() }},
		{"minimum-patch", func(failed []ruling) string { return d.patchLine(failed[0]) }},
		{"baseline", func(failed []ruling) string { return d.baselineLine(failed[0]) }},
		{"minimum-package", func(failed []ruling) string { return below(failed, "package", "packages") }},
		{"minimum-file", func(failed []ruling) string { return below(failed, "file", "files") }},
	} {
		if failed := d.failed(one.rule); len(failed) > 0 {
			found, rules = append(found, one.say(failed)), append(rules, "--"+one.rule)
		}
	}
	return found, rules
}

// sentence is what is said first to people: what does not hold, or else what was measured.
func (d *decision) sentence() string {
	if found, _ := d.found(); len(found) > 0 {
		return strings.Join(found, "; ")
	}
	return d.headline()
}

// refusal says what was found, the rule, where, and the remedy.
func (d *decision) refusal() error {
	found, rules := d.found()
	e := task.Refuse("%s (%s)", strings.Join(found, "; "), strings.Join(d.options.profiles, ", "))
	if len(rules) == 1 && rules[0] == "--baseline" && d.baseline.before == nil {
		return e.WithRemedy("bring back the tests that ran them; if those are flaky, show it by a second run in --rerun-profile")
	}
	return e.WithRemedy("worst: %s; add tests there, or change %s under CODEOWNERS review", d.whereToTest(), strings.Join(rules, ", "))
}

// whereToTest names changed lines where those are the matter, else the worst package.
func (d *decision) whereToTest() string {
	if len(d.failed("minimum-patch")) > 0 && len(d.failed("minimum")) == 0 {
		var places []string
		for _, f := range d.change.Files {
			for _, r := range ranges(f.Uncovered) {
				places = append(places, f.Path+":"+r)
			}
		}
		return firstOf(places)
	}
	return describeWorst(worst(d.report))
}

func (d *decision) patchLine(r ruling) string {
	if r.Total == 0 {
		return fmt.Sprintf("the patch changes no %s that count", d.report.Unit)
	}
	relation := "at least"
	if !r.holds() {
		relation = "below"
	}
	return fmt.Sprintf("%s %% of the changed %s covered (%s), %s the minimum %s %%", r.Percent(), d.report.Unit, r.Counts, relation, r.minimum)
}

func (d *decision) baselineLine(r ruling) string {
	if b := d.baseline.before; b != nil {
		return fmt.Sprintf("%s %% (%s) is below the baseline's %s %% (%s)", r.Percent(), r.Counts, b.Percent(), b)
	}
	var places []string
	count := uint64(0)
	for _, l := range d.baseline.lost {
		count += l.Count
		places = append(places, place(l.Path, l.Line))
	}
	return fmt.Sprintf("%d unchanged %s ran in the baseline and do not any more: %s", count, d.report.Unit, firstOf(places))
}

func below(failed []ruling, one, many string) string {
	var names []string
	for _, r := range failed {
		names = append(names, fmt.Sprintf("%s %s %% of %s %%", r.subject, r.Percent(), r.minimum))
	}
	return fmt.Sprintf("%s below the minimum: %s", plural(len(failed), one, many), firstOf(names))
}

// failed lists the rulings of a rule that do not hold.
func (d *decision) failed(rule string) (failed []ruling) {
	for _, r := range d.rulings {
		if r.rule == rule && r.verdict == predicate.Fail {
			failed = append(failed, r)
		}
	}
	return failed
}

func (d *decision) ofRule(rule string) (ruling, bool) {
	for _, r := range d.rulings {
		if r.rule == rule {
			return r, true
		}
	}
	return ruling{}, false
}

// firstOf names the first three.
func firstOf(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// ranges writes ascending lines as 3, 5-7.
func ranges(lines []uint32) (all []string) {
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if j == i {
			all = append(all, fmt.Sprint(lines[i]))
		} else {
			all = append(all, fmt.Sprintf("%d-%d", lines[i], lines[j]))
		}
		i = j + 1
	}
	return all
}

func place(path string, line uint32) string {
	if line == 0 {
		return path
	}
	return fmt.Sprintf("%s:%d", path, line)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
