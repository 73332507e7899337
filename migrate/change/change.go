package change

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// DefaultWindow is how long the old shape stays readable after reads were switched, and how
// long the tombstone stays before the drop, where the file does not say otherwise.
const DefaultWindow = 30 * time.Minute

// A Change is one change.yaml with the folder that it came from.
type Change struct {
	// Version orders the changes: the digits before the first underscore of the folder.
	Version string `json:"-"`
	// Name is the rest of the folder's name.
	Name string `json:"-"`
	// Scripts holds the SQL files beside change.yaml, by file name.
	Scripts map[string]string `json:"-"`
	// Raw is set for a file of a plain Atlas directory: SQL without a declaration.
	Raw bool `json:"-"`

	Description string      `json:"description,omitempty" doc:"What changes and why, for the person who reviews the plan."`
	Schema      string      `json:"schema,omitempty" doc:"Schema of the tables whose name gives none. Default public."`
	SearchPath  []string    `json:"searchPath,omitempty" doc:"Schemas in which expressions find functions and types, after the table's own. Default public."`
	Operations  []Operation `json:"operations" doc:"What to do, in this order."`
	Contract    Contract    `json:"contract,omitempty" doc:"What must hold before the old shape goes."`
	Allow       []Allowance `json:"allow,omitempty" doc:"Lint rules that this change may break, each with the reason."`
}

// Contract holds the conditions under which the old shape may go.
type Contract struct {
	MinAge    Duration `json:"minAge,omitempty" doc:"Time between the switch of reads and the tombstone, by the database's clock. Default 30m."`
	DropAfter Duration `json:"dropAfter,omitempty" doc:"Time between the tombstone and the drop. Default 30m."`
	Archive   bool     `json:"archive,omitempty" doc:"Copy key and old values into the schema sluice before they are dropped."`
}

// An Allowance lets a change break one lint rule.
type Allowance struct {
	Rule   string `json:"rule" doc:"Code of the rule, such as SL201."`
	Reason string `json:"reason" doc:"Why that is right here; shown in the plan."`
}

// Duration is a time.Duration written the way Go prints it: 30m, 24h.
type Duration time.Duration

// UnmarshalJSON reads "30m".
func (d *Duration) UnmarshalJSON(b []byte) error {
	v, err := time.ParseDuration(strings.Trim(string(b), `"`))
	if err != nil || v < 0 {
		return fmt.Errorf("reading duration %s: write it as 30m or 24h", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes "30m0s".
func (d Duration) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%q", time.Duration(d).String()), nil
}

// Window is the time between the switch and the tombstone.
func (c *Change) Window() time.Duration { return orDefault(c.Contract.MinAge) }

// DropWindow is the time between the tombstone and the drop.
func (c *Change) DropWindow() time.Duration { return orDefault(c.Contract.DropAfter) }

func orDefault(d Duration) time.Duration {
	if d == 0 {
		return DefaultWindow
	}
	return time.Duration(d)
}

// ID is the folder's name: version and name.
func (c *Change) ID() string { return c.Version + "_" + c.Name }

var folderName = regexp.MustCompile(`^([0-9]{1,20})_([a-z0-9][a-z0-9_-]{0,99})$`)

// Parse reads one change.yaml; folder is the name of the folder it lies in, scripts the SQL files beside it.
// An error names the operation by its index and says what to write instead.
func Parse(folder string, data []byte, scripts map[string]string) (*Change, error) {
	m := folderName.FindStringSubmatch(folder)
	if m == nil {
		return nil, fmt.Errorf("reading change %q: the folder must be named <version>_<name>, such as 20260301120000_split_name", folder)
	}
	c := &Change{Version: m[1], Name: m[2], Scripts: scripts}
	if err := yaml.UnmarshalStrict(data, c, yaml.DisallowUnknownFields); err != nil {
		return nil, fmt.Errorf("reading change %q: %w", folder, err)
	}
	if c.Schema == "" {
		c.Schema = "public"
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("reading change %q: %w", folder, err)
	}
	return c, nil
}

// Allowed gives the reason under which a rule may be broken, or "".
func (c *Change) Allowed(rule string) string {
	for _, a := range c.Allow {
		if a.Rule == rule {
			return a.Reason
		}
	}
	return ""
}
