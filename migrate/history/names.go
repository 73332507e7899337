package history

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// dotted gives a Flyway version in one spelling: parts without leading zeros, between dots, without zeros at the end. Flyway holds
// 1_2, 01.2 and 1.2.0 to be the same.
func dotted(version string) (string, error) {
	parts := strings.Split(strings.ReplaceAll(version, "_", "."), ".")
	for i, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return "", fmt.Errorf("version %q is not made of numbers", version)
		}
		parts[i] = plainNumber(p)
	}
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, "."), nil
}

// compareDotted orders versions part by part.
func compareDotted(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)) // without leading zeros the longer number is the greater
	})
}

var (
	formatted = regexp.MustCompile(`(?i)^\s*--\s*liquibase\s+formatted\s+sql\b`)
	changeSet = regexp.MustCompile(`(?im)^[ \t]*--[ \t]*changeset[ \t]+(.*)$`)
	setName   = regexp.MustCompile(`^("[^"]+"|[^:"\s][^:"]*):[ \t]*("[^"]+"|[^\s"]+)`)
)

// changeSets lists the change sets of a file of formatted SQL as file::id::author, as Liquibase itself names them. The file goes
// without its folders: a database names them as the class path did.
func changeSets(file, text string) ([]string, error) {
	if !formatted.MatchString(strings.TrimPrefix(text, "\ufeff")) {
		return nil, fmt.Errorf("%q does not begin with --liquibase formatted sql", file)
	}
	var sets []string
	for _, line := range changeSet.FindAllStringSubmatch(text, -1) {
		m := setName.FindStringSubmatch(line[1])
		if m == nil {
			return nil, fmt.Errorf("%q holds a change set that is not named author:id: %s", file, strconv.Quote(strings.TrimSpace(line[1])))
		}
		sets = append(sets, setID(file, strings.Trim(m[2], `"`), strings.TrimSpace(strings.Trim(m[1], `"`))))
	}
	return sets, nil
}

func setID(file, id, author string) string {
	return path.Base(strings.ReplaceAll(file, `\`, "/")) + "::" + id + "::" + author
}
