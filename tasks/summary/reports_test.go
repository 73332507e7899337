package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/task"
)

func TestWhatIsNoReportIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.json")
	require.NoError(t, os.WriteFile(outside, []byte(`{"task":"sbom","digest":"sha256:secret"}`), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link.json")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.json"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.json"), []byte(`{"hello":"world"}`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sbom.spdx.json"), []byte(`{"packages":[{"name":"app"}]}`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.json"), []byte(`{`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "huge.json"), []byte(strings.Repeat(" ", maxReport+1)), 0o644))
	found, err := readReports(dir, "run-1")
	require.NoError(t, err)
	require.Empty(t, found.list)
	require.Equal(t, []string{"broken.json is not JSON", "huge.json was not read: it is larger than 8 MiB"}, found.notes)
}

func TestWhatCodeUnderTestWritesCannotBreakTheTable(t *testing.T) {
	found := &reports{records: map[string]task.Record{}}
	found.add("evil.json", []byte(`{"task":"sbom","digest":"sha256:\u001b[2J`+"`"+`","packages":1,"run":{}}`), "")
	found.list[0].facts = []string{"a | b\n## <script>"}
	s := &summary{rows: []row{{task: "sbom", status: "Succeeded", report: &found.list[0]}}, reports: found}
	require.Contains(t, s.markdown(), `a \| b ## &lt;script>`)
	require.NotContains(t, s.markdown(), "\x1b")
	require.NotContains(t, s.text(), "\x1b")
}

func FuzzReports(f *testing.F) {
	f.Add([]byte(`{"predicateType":"https://sluice-ci.github.io/predicates/gate/v1","predicate":{"gate":"g","verdict":"fail","measured":{"x":1.25},"threshold":{"x":2}}}`))
	f.Add([]byte(`{"predicateType":"https://in-toto.io/attestation/test-result/v0.1","predicate":{"result":"FAILED","failedTests":["a"],"counts":{"passed":1}}}`))
	f.Add([]byte(`{"task":"sbom","packages":3}`))
	f.Add([]byte(`{"task":"test-go","outcome":"refused","refusal":["a | b","c"],"startedOn":"2026-03-01T10:00:50Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found := &reports{records: map[string]task.Record{}}
		found.add("test-go.json", data, "run")
		found.add("test-go.run.json", data, "run")
		record := found.records["test-go"]
		s := &summary{rows: []row{{task: "test-go", status: "Failed", report: found.of("test-go"), record: &record}}, reports: found}
		if lines := strings.Count(s.markdown(), "\n| "); lines != 3 {
			t.Errorf("the table has %d lines", lines)
		}
		_ = s.text()
	})
}
