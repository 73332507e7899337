package plan

// The stages of a plan, as a journal names them.
const (
	StageExpand    = "expand"
	StageSettle    = "settle"
	StageTombstone = "tombstone"
	StageDrop      = "drop"
)

// Of gives the steps of a stage.
func (p *Plan) Of(stage string) []Step {
	switch stage {
	case StageExpand:
		return p.Expand
	case StageSettle:
		return p.Settle
	case StageTombstone:
		return p.Tombstone
	}
	return p.Drop
}
