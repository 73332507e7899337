package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/contract"
)

func TestContract(t *testing.T) { contract.Check(t, newCommand()) }

// section keeps a generated part of README.md, between <!-- name --> and <!-- /name -->, fresh.
func section(t *testing.T, name, fresh string) {
	t.Helper()
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(data), "<!-- "+name+" -->\n")
	require.Truef(t, ok, "README.md has the line <!-- %s -->", name)
	old, after, ok := strings.Cut(rest, "<!-- /"+name+" -->")
	require.Truef(t, ok, "README.md has the line <!-- /%s -->", name)
	if contract.Update() {
		require.NoError(t, os.WriteFile("README.md", []byte(before+"<!-- "+name+" -->\n"+fresh+"<!-- /"+name+" -->"+after), 0o644))
		return
	}
	require.Equalf(t, fresh, old, "the section %s of README.md is stale: go test ./tasks/error-rate-gate -update", name)
}
