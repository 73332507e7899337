package portable

import (
	"slices"

	"github.com/sluice-ci/sluice/migrate/change"
)

// changingCalls are functions of SQLite or MariaDB whose value does not follow from their arguments; changingWords need no brackets.
var (
	changingCalls = []string{
		"random", "randomblob", "changes", "total_changes", "last_insert_rowid", "rand", "uuid", "uuid_short", "sys_guid", "now", "sysdate", "curdate", "curtime",
		"utc_date", "utc_time", "utc_timestamp", "unix_timestamp", "connection_id", "user", "current_user", "session_user", "database", "schema", "last_insert_id",
		"sleep", "get_lock", "found_rows", "row_count", "nextval", "lastval",
	}
	changingWords = []string{"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
	clockCalls    = []string{"date", "time", "datetime", "julianday", "unixepoch", "strftime"}
)

// changing names what gives another value each time, or "".
func changing(expr string) string {
	tokens, _ := change.Tokens(expr)
	for i, t := range tokens {
		called := i+1 < len(tokens) && tokens[i+1].Text == "("
		switch {
		case t.Kind == change.Word && slices.Contains(changingWords, t.Text), called && slices.Contains(changingCalls, t.Text):
			return t.Text
		case called && slices.Contains(clockCalls, t.Text) && i+2 < len(tokens) && tokens[i+2].Text == ")", t.Kind == change.String && t.Text == "'now'":
			return t.Text
		}
	}
	return ""
}
