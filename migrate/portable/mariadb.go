package portable

import (
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

func openMariaDB(string, migrate.Options, wrapper) (*Engine, error) {
	return nil, refusal.Misconfigure("MariaDB is not there yet")
}
