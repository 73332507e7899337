package main

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/task"
)

// headline says in one line what was measured and, where it is below, the rule.
func (d *decision) headline() string {
	counts := d.report.Counts()
	text := fmt.Sprintf("%s %% of %s covered (%s)", counts.Percent(), d.report.Unit, counts)
	if r := d.rulings[0]; r.rule == "minimum" {
		relation := "at least"
		if !r.holds() {
			relation = "below"
		}
		text += fmt.Sprintf(", %s the minimum %s %%", relation, r.minimum)
	}
	return text
}

// refusal says what was found, the rule, where, and the remedy.
func (d *decision) refusal() error {
	var found, rules []string
	if r := d.rulings[0]; r.rule == "minimum" && !r.holds() {
		found, rules = append(found, d.headline()), append(rules, "--"+r.rule)
	}
	for _, kind := range []struct{ rule, one, many string }{
		{"minimum-package", "package", "packages"},
		{"minimum-file", "file", "files"},
	} {
		if failed := d.failed(kind.rule); len(failed) > 0 {
			found = append(found, fmt.Sprintf("%s below the minimum: %s", plural(len(failed), kind.one, kind.many), few(failed)))
			rules = append(rules, "--"+kind.rule)
		}
	}
	return task.Refuse("%s (%s)", strings.Join(found, "; "), strings.Join(d.options.profiles, ", ")).
		WithRemedy("worst: %s; add tests there, or change %s under CODEOWNERS review",
			describeWorst(worst(d.report)), strings.Join(rules, ", "))
}

// failed lists the subjects that a rule refuses.
func (d *decision) failed(rule string) (failed []ruling) {
	for _, r := range d.rulings {
		if r.rule == rule && !r.holds() {
			failed = append(failed, r)
		}
	}
	return failed
}

// few names the first three.
func few(rulings []ruling) string {
	var names []string
	for i, r := range rulings {
		if i == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprintf("%s %s %% of %s %%", r.subject, r.Percent(), r.minimum))
	}
	return strings.Join(names, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
