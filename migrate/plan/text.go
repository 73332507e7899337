package plan

import (
	"fmt"
	"strings"
	"time"
)

// Text is the plan as a review: what runs in which phase, under which lock, what it can break and how it is undone.
func (p *Plan) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", p.Change)
	if p.Description != "" {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(p.Description))
	}
	fmt.Fprintf(&b, "  tables %s; strongest lock %s\n", strings.Join(p.Tables, ", "), p.Longest())
	writeSteps(&b, "expand: adds the new shape; old and new versions work from here on", p.Expand)
	if len(p.Fills)+len(p.Settle) > 0 {
		fmt.Fprintf(&b, "\nbackfill: small batches, each at most as long as the lock timeout; can stop and go on\n")
		for _, f := range p.Fills {
			fmt.Fprintf(&b, "  · about %d rows of %s along %s\n", f.EstRows, f.Table.Plain(), strings.Join(f.KeyNames(), ", "))
			for _, a := range f.Set {
				fmt.Fprintf(&b, "      %s = %s\n", a.Column, a.Expr)
			}
		}
		writeSteps(&b, "", p.Settle)
	}
	for i, c := range p.Checks {
		if i == 0 {
			fmt.Fprintf(&b, "\nverify: there must be none of these before reads are switched and before contract\n")
		}
		fmt.Fprintf(&b, "  · %s\n", c.What)
	}
	if p.Contracts() {
		fmt.Fprintf(&b, "\nswitch: the application reads the new shape; %s pass before contract\n", short(p.Window))
	}
	writeSteps(&b, "contract, first the tombstone: undone at once by rollback", p.Tombstone)
	writeSteps(&b, "contract, then the drop: "+short(p.DropWindow)+" later, no way back", p.Drop)
	for i, h := range p.Hazards {
		if i == 0 {
			fmt.Fprintf(&b, "\nto know\n")
		}
		writeHazard(&b, "  ", h)
	}
	fmt.Fprintf(&b, "\nplan digest %s\n", p.Digest())
	return b.String()
}

func writeSteps(b *strings.Builder, title string, steps []Step) {
	if len(steps) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(b, "\n%s\n", title)
	}
	for i, s := range steps {
		fmt.Fprintf(b, "  %d. %s\n", i+1, s.What)
		long := "for an instant"
		if s.Scans {
			long = "for as long as the table takes to read"
		}
		if s.Lock == NoLock {
			long = ""
		}
		on := ""
		if s.Table != "" && s.Lock != NoLock {
			on = " on " + s.Table
		}
		fmt.Fprintf(b, "     lock   %s%s %s: %s\n", s.Lock, on, long, s.Lock.Blocks())
		for _, sql := range s.SQL {
			fmt.Fprintf(b, "     run    %s\n", clip(sql))
		}
		switch {
		case s.Irreversible != "" && s.Stays:
			fmt.Fprintf(b, "     undo   stays: %s\n", s.Irreversible)
		case s.Irreversible != "":
			fmt.Fprintf(b, "     undo   none: %s\n", s.Irreversible)
		}
		for _, sql := range s.Undo {
			fmt.Fprintf(b, "     undo   %s\n", clip(sql))
		}
		for _, h := range s.Hazards {
			writeHazard(b, "     ", h)
		}
	}
}

func writeHazard(b *strings.Builder, indent string, h Hazard) {
	mark := "note"
	if h.Refused {
		mark = "REFUSED"
	}
	fmt.Fprintf(b, "%s%s %s %s\n", indent, mark, h.Rule, h.Text)
	if h.Allowed != "" {
		fmt.Fprintf(b, "%s  allowed: %s\n", indent, h.Allowed)
	} else if h.Remedy != "" {
		fmt.Fprintf(b, "%s  %s\n", indent, h.Remedy)
	}
}

// clip keeps a statement on one line; a trigger or its function is named, the body is in the JSON.
func clip(sql string) string {
	if head, _, found := strings.Cut(sql, " RETURNS trigger "); found {
		return head + " …"
	}
	if head, _, found := strings.Cut(sql, " FOR EACH ROW"); found && strings.Contains(sql, "BEGIN\n") {
		return head + " …"
	}
	return strings.Join(strings.Fields(sql), " ")
}

func short(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"0s", "0m"} {
		if len(s) > 2 && strings.HasSuffix(s, zero) && (s[len(s)-3] == 'm' || s[len(s)-3] == 'h') {
			s = strings.TrimSuffix(s, zero)
		}
	}
	return s
}
