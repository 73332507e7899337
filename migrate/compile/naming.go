package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/migrate/change"
)

var quote = change.Quote

// fit shortens a name to what the database keeps, with a hash of the whole so that two long names stay two.
func fit(name string) string {
	if len(name) <= change.MaxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	cut := change.MaxName - 9
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "_" + hex.EncodeToString(sum[:4])
}

// Tombstone is the name that a column or table bears between the two steps of contract.
func Tombstone(name string) string { return fit("sluice_dropped_" + name) }

// function is the qualified name of this operation's trigger function; a part tells several apart.
func (b *builder) function(part string) string {
	schema := StateSchema
	if b.scratch != nil {
		schema = b.scratch[b.change.Schema]
	}
	return quote(schema) + "." + quote(fmt.Sprintf("dual_%s_%02d%s", b.change.Version, b.op, part))
}

// trigger begins with a tilde, the last printable character of ASCII: triggers fire in the order of their
// names, and this one has to see what all others have done to the row.
func (b *builder) trigger(event string) string {
	return quote(fmt.Sprintf("~sluice_%s_%02d_%s", b.change.Version, b.op, event))
}

// constraint is the name of a helper check constraint.
func (b *builder) constraint(column string) string {
	return quote(fit(fmt.Sprintf("sluice_%s_%02d_%s", b.change.Version, b.op, column)))
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}
