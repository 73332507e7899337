package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/pkg"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registrytest"
)

// jar is a Java archive with a Maven coordinate in it.
func jar(t testing.TB, group, artifact, version string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\nImplementation-Version: " + version + "\r\n\r\n",
		"META-INF/maven/" + group + "/" + artifact + "/pom.properties": "groupId=" + group + "\nartifactId=" + artifact + "\nversion=" + version + "\n",
	} {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// ecosystems are the files by which each kind of package is known, and a package that has to be found.
func ecosystems(t testing.TB) map[string]struct {
	files files
	finds string
} {
	return map[string]struct {
		files files
		finds string
	}{
		"debian": {files{
			"etc/os-release": []byte("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
			"var/lib/dpkg/status": []byte("Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.15-1~deb12u1\nMaintainer: Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>\nDepends: libc6 (>= 2.34)\nDescription: TLS\n\n" +
				"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9+deb12u9\nMaintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>\nDescription: libc\n\n"),
			"usr/share/doc/libssl3/copyright": []byte("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nFiles: *\nCopyright: OpenSSL\nLicense: Apache-2.0\n"),
		}, "libssl3 3.0.15-1~deb12u1"},
		"alpine": {files{
			"etc/os-release":       []byte("ID=alpine\nVERSION_ID=3.22.1\nPRETTY_NAME=\"Alpine Linux v3.22\"\n"),
			"lib/apk/db/installed": []byte("C:Q1abcdefghijklmnopqrstuvwxyz01=\nP:musl\nV:1.2.5-r10\nA:x86_64\nS:1\nI:1\nT:libc\nU:https://musl.libc.org/\nL:MIT\no:musl\nm:A <a@example.com>\nt:1700000000\nc:0\nF:lib\nR:ld-musl-x86_64.so.1\n\n"),
		}, "musl 1.2.5-r10"},
		"rpm": {files{
			"etc/os-release":           []byte("ID=fedora\nVERSION_ID=42\nPRETTY_NAME=\"Fedora Linux 42\"\n"),
			"var/lib/rpm/rpmdb.sqlite": read(t, "testdata", "rpmdb.sqlite"),
		}, "sluice-sample 1.4.2-3"},
		"python": {files{
			"usr/lib/python3/site-packages/requests-2.32.3.dist-info/METADATA": []byte("Metadata-Version: 2.1\nName: requests\nVersion: 2.32.3\nLicense: Apache-2.0\n\nHTTP\n"),
			"usr/lib/python3/site-packages/requests-2.32.3.dist-info/RECORD":   []byte("requests/__init__.py,,\n"),
			// known by its text alone
			"usr/lib/python3/site-packages/sluice-1.0.dist-info/METADATA": []byte("Metadata-Version: 2.4\nName: sluice\nVersion: 1.0\nLicense-File: LICENSE\n\n"),
			"usr/lib/python3/site-packages/sluice-1.0.dist-info/RECORD":   []byte("sluice-1.0.dist-info/LICENSE,,\n"),
			"usr/lib/python3/site-packages/sluice-1.0.dist-info/LICENSE":  read(t, "..", "..", "LICENSE"),
		}, "requests 2.32.3"},
		"node": {files{
			"app/node_modules/left-pad/package.json": []byte(`{"name":"left-pad","version":"1.3.0","license":"WTFPL"}`),
		}, "left-pad 1.3.0"},
		"java": {files{
			"app/lib/commons-lang3-3.14.0.jar": jar(t, "org.apache.commons", "commons-lang3", "3.14.0"),
		}, "commons-lang3 3.14.0"},
		"go": {files{"ko-app/app": program(t, "amd64")}, "github.com/prometheus/client_golang v1.25.0"},
	}
}

// schemas compiles the official schemas, which lie in the modules that write the documents.
func schemas(t testing.TB) (spdx, cyclonedx *jsonschema.Schema) {
	t.Helper()
	module := func(path string) string {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
		require.NoError(t, err, "finding module %s", path)
		return strings.TrimSpace(string(out))
	}
	compile := func(dir, file string, beside ...string) *jsonschema.Schema {
		c := jsonschema.NewCompiler()
		for _, name := range append(beside, file) {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, dir, name)))
			require.NoError(t, err, name)
			id, _ := document.(map[string]any)["$id"].(string)
			require.NoError(t, c.AddResource(id, document), name)
			if name == file {
				compiled, err := c.Compile(id)
				require.NoError(t, err, name)
				return compiled
			}
		}
		return nil
	}
	return compile(filepath.Join(module("github.com/anchore/syft"), "schema", "spdx-json"), "spdx-schema-2.3.json"),
		compile(filepath.Join(module("github.com/CycloneDX/cyclonedx-go"), "schema"), "bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schemax.json")
}

func validate(t testing.TB, schema *jsonschema.Schema, data []byte) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))
}

// stock lists what syft finds by itself, from the reference on, with its own settings, and the licences of all of it.
func stock(t testing.TB, ref string) (list []string, said map[string]int) {
	t.Helper()
	config := syft.DefaultGetSourceConfig().WithSources("registry").
		WithRegistryOptions(&image.RegistryOptions{InsecureUseHTTP: true})
	from, err := syft.GetSource(t.Context(), ref, config)
	require.NoError(t, err)
	defer from.Close()
	found, err := syft.CreateSBOM(t.Context(), from, syft.DefaultCreateSBOMConfig().
		WithCatalogerSelection(cataloging.NewSelectionRequest()))
	require.NoError(t, err)
	for p := range found.Artifacts.Packages.Enumerate() {
		list = append(list, line(p))
	}
	slices.Sort(list)
	return list, licences(found.Artifacts.Packages)
}

func line(p pkg.Package) string {
	return string(p.Type) + " " + p.Name + " " + p.Version + " " + p.PURL
}

func TestEveryEcosystemIsFoundAsStockSyftFindsIt(t *testing.T) {
	reg := registrytest.Start(t)
	spdx, cyclonedx := schemas(t)
	all := files{}
	for name, ecosystem := range ecosystems(t) {
		for path, content := range ecosystem.files {
			if name != "alpine" && name != "rpm" { // an image has one distribution
				all[path] = content
			}
		}
		t.Run(name, func(t *testing.T) {
			ref := push(t, reg.Host, newImage(t, "amd64", layer(t, ecosystem.files)))
			reports := t.TempDir()
			code, _, stderr := execute(t, "--reports="+reports, "--image="+ref)
			require.Zero(t, code, stderr)
			ours := listed(t, read(t, reports, "sbom.cdx.json"))
			theirs, said := stock(t, ref)
			require.Equal(t, theirs, ours)
			var told told
			require.NoError(t, json.Unmarshal(read(t, reports, "sbom.json"), &told))
			require.Equal(t, said, told.Platforms[0].Licences)
			if name == "python" {
				require.Equal(t, 2, said["Apache-2.0"], "one says so, one has the text: %v", said)
			}
			require.True(t, slices.ContainsFunc(ours, func(l string) bool { return strings.Contains(l, ecosystem.finds) }), "%s in %v", ecosystem.finds, ours)
			validate(t, spdx, read(t, reports, "sbom.spdx.json"))
			validate(t, cyclonedx, read(t, reports, "sbom.cdx.json"))
		})
	}
	t.Run("all of them, with their files", func(t *testing.T) {
		ref := push(t, reg.Host, newIndex(t, newImage(t, "amd64", layer(t, all)), newImage(t, "arm64", layer(t, all), layer(t, files{"more": []byte("more")}))))
		reports := t.TempDir()
		code, _, stderr := execute(t, "--reports="+reports, "--image="+ref, "--files=true")
		require.Zero(t, code, stderr)
		for _, file := range []string{"sbom", "sbom-linux-amd64", "sbom-linux-arm64"} {
			validate(t, spdx, read(t, reports, file+".spdx.json"))
			validate(t, cyclonedx, read(t, reports, file+".cdx.json"))
		}
	})
}

// listed are the packages of a CycloneDX document, as syft names them.
func listed(t testing.TB, data []byte) (list []string) {
	t.Helper()
	var doc struct {
		Components []struct {
			Type, Name, Version, PURL, Group string
			Properties                       []struct{ Name, Value string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &doc))
	for _, c := range doc.Components {
		for _, p := range c.Properties {
			if p.Name == "syft:package:type" {
				list = append(list, p.Value+" "+c.Name+" "+c.Version+" "+c.PURL)
			}
		}
	}
	slices.Sort(list)
	return list
}
