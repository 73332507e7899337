package change

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// New writes a change's folder with a commented change.yaml for one kind of operation, and the sum. It
// returns the path of the file.
func New(dir, name, kind string, now time.Time) (string, error) {
	body, ok := templates[kind]
	if !ok {
		return "", fmt.Errorf("writing a change: no template for %q; there are %s", kind, strings.Join(Templates(), ", "))
	}
	folder := now.UTC().Format("20060102150405") + "_" + name
	if !folderName.MatchString(folder) {
		return "", fmt.Errorf("writing a change: the name %q must be made of a-z, 0-9, _ and -", name)
	}
	path := filepath.Join(dir, folder, FileName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("writing a change: %w", err)
	}
	text := "description: What changes and why, for the person who reviews the plan.\noperations:\n" + body +
		"contract:\n  minAge: 30m     # reads stay switchable back for this long\n  dropAfter: 30m  # the tombstone stays for this long\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("writing a change: %w", err)
	}
	return path, WriteSum(dir)
}

// Templates lists the operations that New can write.
func Templates() []string {
	var names []string
	for k := range templates {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

var templates = map[string]string{
	"addColumn":    "  - addColumn: {table: customers, column: nickname, type: text}\n",
	"renameColumn": "  - renameColumn: {table: customers, column: name, to: full_name}\n",
	"changeType":   "  - changeType: {table: orders, column: amount, to: amount_cents, type: bigint, up: (amount * 100)::bigint, down: amount_cents / 100.0}\n",
	"splitColumn": `  - splitColumn:
      table: customers
      column: name
      into:
        - {name: first_name, type: text, up: "split_part(name, ' ', 1)"}
        - {name: last_name, type: text, up: "substr(name, length(split_part(name, ' ', 1)) + 2)"}
      down: concat_ws(' ', first_name, nullif(last_name, ''))
`,
	"moveColumn":  "  - moveColumn: {table: customers, column: phone, into: contacts, by: [customer_id], as: phone_number}\n",
	"dropColumn":  "  - dropColumn: {table: customers, column: fax}\n",
	"setNotNull":  "  - setNotNull: {table: customers, column: email, up: \"''\"}\n",
	"createIndex": "  - createIndex: {table: customers, name: customers_email_idx, columns: [email]}\n",
}
