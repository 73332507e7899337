package migrate

import (
	"fmt"
	"strings"
	"time"
)

// Text is the status for people: each change with its phase, the clock of its window, its backfill with a bar, its evidence.
func (st *Status) Text() string {
	var b strings.Builder
	if st.Lease != nil {
		fmt.Fprintf(&b, "run %s is at work since %s\n\n", st.Lease.Run, st.Lease.Since.Format(time.RFC3339))
	}
	for _, c := range st.Changes {
		fmt.Fprintf(&b, "%-40s %s\n", c.Change, c.Phase)
		for _, f := range c.Fills {
			if c.Phase.Reached(Expanded) && !c.Phase.Reached(Dropping) {
				fmt.Fprintf(&b, "  backfill  %s %s %d of %d rows%s\n", f.Table, Bar(f.Done, f.Total), f.Done, f.Total, passes(f))
			}
		}
		if w := c.Window; w != nil && w.Left > 0 {
			fmt.Fprintf(&b, "  window    %s left of %s since the %s\n", minutes(w.Left), w.Of, w.After)
		} else if w != nil {
			fmt.Fprintf(&b, "  window    of %s since the %s is over\n", w.Of, w.After)
		}
		for _, a := range c.Applications {
			fmt.Fprintf(&b, "  version   %s reads %s since %s\n", a.Digest, a.Reads, a.At.Format(time.RFC3339))
		}
		for _, e := range c.Evidence {
			if e.Kind != "readers at switch" {
				fmt.Fprintf(&b, "  evidence  %s: %s, %s (%s)\n", e.Kind, e.Verdict, e.At.Format(time.RFC3339), e.Run)
			}
		}
		for _, l := range c.Losses {
			fmt.Fprintf(&b, "  rollback  would lose %d %s\n", l.Rows, l.What)
		}
		if c.Next != "" {
			fmt.Fprintf(&b, "  next      %s\n", c.Next)
		}
	}
	return b.String()
}

func passes(f FillStatus) string {
	if f.Pass == 0 {
		return ""
	}
	return fmt.Sprintf("; verified in pass %d, %d repaired", f.Pass, f.Repaired)
}

// Bar draws how much is done in twenty characters.
func Bar(done, total int64) string {
	const width = 20
	n := width
	if total > 0 {
		n = int(min(done, total) * width / total)
	}
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
}
