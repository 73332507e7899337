package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registrytest"
)

func read(t testing.TB, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	require.NoError(t, err)
	return data
}

// spdxPackages are the names of a document's packages with their versions.
func spdxPackages(t testing.TB, data []byte) map[string]string {
	t.Helper()
	var doc struct {
		SPDXVersion string `json:"spdxVersion"`
		Packages    []struct{ Name, VersionInfo string }
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	require.Equal(t, "SPDX-2.3", doc.SPDXVersion)
	found := map[string]string{}
	for _, p := range doc.Packages {
		found[p.Name] = p.VersionInfo
	}
	return found
}

func TestAGoProgramWithItsStandardLibrary(t *testing.T) {
	reg := registrytest.Start(t)
	ref := push(t, reg.Host, newImage(t, "amd64", layer(t, files{"ko-app/app": program(t, "amd64")})))
	reports := t.TempDir()
	code, stdout, stderr := execute(t, "--reports="+reports, "--image="+ref, "--source-date-epoch=1767323045")
	require.Zero(t, code, stderr)
	found := spdxPackages(t, read(t, reports, "sbom.spdx.json"))
	require.Contains(t, found, "stdlib", "CVEs of the standard library are found by this entry")
	require.Contains(t, found["stdlib"], "1.")
	require.Equal(t, "v1.25.0", found["github.com/prometheus/client_golang"])
	require.Contains(t, found, "example.com/shortlink")
	require.Contains(t, string(read(t, reports, "sbom.spdx.json")), `"created":"2026-01-02T03:04:05Z"`)
	require.Contains(t, string(read(t, reports, "sbom.cdx.json")), `"specVersion":"1.6"`)
	require.Contains(t, stdout, "SPDX_DIGEST="+document{data: read(t, reports, "sbom.spdx.json")}.digest()+"\n")
	require.Contains(t, stdout, "CYCLONEDX_DIGEST="+document{data: read(t, reports, "sbom.cdx.json")}.digest()+"\n")

	var told told
	require.NoError(t, json.Unmarshal(read(t, reports, "sbom.json"), &told))
	require.Len(t, told.Platforms, 1)
	require.Len(t, told.Platforms[0].Layers, 1)
	require.Equal(t, told.Packages, told.Platforms[0].Layers[0].Packages)
	require.Equal(t, told.Platforms[0].Size, told.Platforms[0].Layers[0].Size)

	// Attached, and found by their artifactType by go-containerregistry.
	digest, err := name.NewDigest(ref)
	require.NoError(t, err)
	for _, kind := range []string{"application/spdx+json", "application/vnd.cyclonedx+json"} {
		attached, err := remote.Referrers(digest, remote.WithFilter("artifactType", kind))
		require.NoError(t, err)
		manifest, err := attached.IndexManifest()
		require.NoError(t, err)
		require.Len(t, manifest.Manifests, 1, kind)
	}
}

func TestTheSameImageGivesTheSameBytes(t *testing.T) {
	reg := registrytest.Start(t)
	ref := push(t, reg.Host, newIndex(t,
		newImage(t, "amd64", layer(t, files{"ko-app/app": program(t, "amd64")})),
		newImage(t, "arm64", layer(t, files{"ko-app/app": program(t, "arm64")}))))
	var first map[string][]byte
	var results string
	for try := range 3 {
		reports := t.TempDir()
		code, stdout, stderr := execute(t, "--reports="+reports, "--image="+ref)
		require.Zero(t, code, stderr)
		written := map[string][]byte{}
		for _, file := range []string{"sbom.spdx.json", "sbom.cdx.json", "sbom-linux-amd64.spdx.json", "sbom-linux-amd64.cdx.json",
			"sbom-linux-arm64.spdx.json", "sbom-linux-arm64.cdx.json"} {
			written[file] = read(t, reports, file)
		}
		if try == 0 {
			first, results = written, stdout
			continue
		}
		require.Equal(t, results, stdout)
		for file := range first {
			require.True(t, bytes.Equal(first[file], written[file]), "%s changed", file)
		}
	}
	require.NotEqual(t, identifierOf(t, first["sbom.cdx.json"]), identifierOf(t, first["sbom-linux-amd64.cdx.json"]))

	// Three subjects with two documents each, attached once.
	digest, err := name.NewDigest(ref)
	require.NoError(t, err)
	attached, err := remote.Referrers(digest)
	require.NoError(t, err)
	manifest, err := attached.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
}

func identifierOf(t testing.TB, data []byte) string {
	var doc struct{ SerialNumber string }
	require.NoError(t, json.Unmarshal(data, &doc))
	require.True(t, strings.HasPrefix(doc.SerialNumber, "urn:uuid:"))
	return doc.SerialNumber
}

func TestTheDocumentOfAnIndexHasThePackagesOfAllPlatformsOnce(t *testing.T) {
	reg := registrytest.Start(t)
	ref := push(t, reg.Host, newIndex(t,
		newImage(t, "amd64", layer(t, files{"ko-app/app": program(t, "amd64")})),
		newImage(t, "arm64", layer(t, files{"ko-app/app": program(t, "arm64"), "only/node_modules/left-pad/package.json": []byte(`{"name":"left-pad","version":"1.3.0"}`)}))))
	reports := t.TempDir()
	code, _, stderr := execute(t, "--reports="+reports, "--image="+ref, "--attach=false")
	require.Zero(t, code, stderr)
	amd64, arm64 := spdxPackages(t, read(t, reports, "sbom-linux-amd64.spdx.json")), spdxPackages(t, read(t, reports, "sbom-linux-arm64.spdx.json"))
	whole := spdxPackages(t, read(t, reports, "sbom.spdx.json"))
	require.NotContains(t, amd64, "left-pad")
	for name, version := range arm64 {
		if !strings.Contains(name, "/team/app") { // the image itself
			require.Equal(t, version, whole[name], name)
		}
	}
	require.Equal(t, strings.Count(string(read(t, reports, "sbom-linux-arm64.spdx.json")), `"name":"stdlib"`),
		strings.Count(string(read(t, reports, "sbom.spdx.json")), `"name":"stdlib"`))
}

func TestRefusals(t *testing.T) {
	reg := registrytest.Start(t)
	program := push(t, reg.Host, newImage(t, "amd64", layer(t, files{"ko-app/app": program(t, "amd64")})))
	bomb := push(t, reg.Host, newImage(t, "amd64", layer(t, files{"zeros": make([]byte, 64<<20)})))
	text := push(t, reg.Host, newImage(t, "amd64", layer(t, files{"readme.txt": []byte("nothing to see")})))
	none := push(t, reg.Host, newIndex(t))
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a tag":           {[]string{"--image=" + reg.Host + "/team/app:latest"}, 2, "does not name an image by digest"},
		"not there":       {[]string{"--image=" + reg.Host + "/team/app@sha256:" + strings.Repeat("0", 64)}, 2, "not found"},
		"unpacks to much": {[]string{"--image=" + bomb, "--max-size=32Mi"}, 1, "unpack to more than 32Mi"},
		"nothing found":   {[]string{"--image=" + text}, 3, "no package was found"},
		"an empty index":  {[]string{"--image=" + none}, 2, "holds no image"},
		"nonsense size":   {[]string{"--image=" + program, "--max-size=large"}, 2, "is not a size"},
		"nonsense epoch":  {[]string{"--image=" + program, "--source-date-epoch=today"}, 2, "is not a number of seconds"},
		"nobody listens":  {[]string{"--image=127.0.0.1:1/team/app@sha256:" + strings.Repeat("0", 64)}, 3, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			reports := t.TempDir()
			code, stdout, stderr := execute(t, append(test.args, "--reports="+reports)...)
			require.Equal(t, test.code, code, stderr)
			require.Contains(t, stderr, test.says)
			require.NotContains(t, stdout, "DIGEST", "a refused image gets no documents")
			documents, err := filepath.Glob(filepath.Join(reports, "sbom*.*.json"))
			require.NoError(t, err)
			require.Subset(t, []string{filepath.Join(reports, "sbom.run.json")}, documents)
		})
	}
}
