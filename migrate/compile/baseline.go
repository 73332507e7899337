package compile

import (
	"fmt"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/history"
)

// baseline has nothing to run: the plan says what was found, and the engine records the change as complete.
func (b *builder) baseline(op *change.Baseline) error {
	if err := history.Check(b.ctx, b.q, op, b.change.Schema); err != nil {
		return err
	}
	b.hazard("SL310", fmt.Sprintf("the database holds all %d versions by %s and no other; nothing is run", len(op.Versions), op.Tool),
		"change it with this tool alone from here on")
	return nil
}
