package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registrytest"
)

// documentsOf runs the task and returns its documents.
func documentsOf(t *testing.T, args ...string) ([]byte, string) {
	t.Helper()
	reports := t.TempDir()
	code, _, stderr := execute(t, append(args, "--reports="+reports, "--attach=false")...)
	require.Zero(t, code, stderr)
	return append(read(t, reports, "sbom.spdx.json"), read(t, reports, "sbom.cdx.json")...), stderr
}

func with(all ...files) files {
	merged := files{}
	for _, f := range all {
		maps.Copy(merged, f)
	}
	return merged
}

// TestAKnownBaseGivesTheSameBytes is what the cache is held to: whatever is above the base, the documents are those of a
// run without a cache, and where the cache serves, the base's layer is not even fetched.
func TestAKnownBaseGivesTheSameBytes(t *testing.T) {
	reg := registrytest.Start(t)
	kinds := ecosystems(t)
	base := layer(t, with(kinds["debian"].files, kinds["python"].files, files{"usr/lib/real/file": []byte("x"), "etc/motd": []byte("hello")}))
	digest, err := base.Digest()
	require.NoError(t, err)
	cache := "--cache-repository=" + reg.Host + "/team/cache"

	first := push(t, reg.Host, newImage(t, "amd64", base, layer(t, kinds["go"].files)))
	filled, _ := documentsOf(t, "--image="+first, cache)
	fresh, _ := documentsOf(t, "--image="+first)
	require.True(t, bytes.Equal(fresh, filled))

	for name, test := range map[string]struct {
		above  files
		serves bool
	}{
		"the same program":              {kinds["go"].files, true},
		"a program elsewhere":           {files{"usr/local/bin/app": program(t, "amd64")}, true},
		"node packages":                 {kinds["node"].files, true},
		"a Java archive":                {kinds["java"].files, true},
		"no package at all":             {files{"app/readme": []byte("hello")}, true},
		"python beside python":          {files{"usr/lib/python3/site-packages/six-1.16.0.dist-info/METADATA": []byte("Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\n")}, false},
		"a changed package database":    {files{"var/lib/dpkg/status": []byte("Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\nMaintainer: a\nDescription: x\n\n")}, false},
		"packages of a distribution":    {files{"lib/apk/db/installed": kinds["alpine"].files["lib/apk/db/installed"]}, false},
		"a removed file":                {files{"etc/.wh.motd": nil}, false},
		"an emptied directory":          {files{"usr/lib/python3/.wh..wh..opq": nil}, false},
		"a file in a file's place":      {files{"usr/lib/real/file/below": []byte("x")}, false},
		"another file of the same name": {with(kinds["go"].files, files{"etc/motd": []byte("bye")}), false},
	} {
		t.Run(name, func(t *testing.T) {
			ref := push(t, reg.Host, newImage(t, "amd64", base, layer(t, test.above)))
			reg.Forget()
			cached, _ := documentsOf(t, "--image="+ref, cache)
			fetched := slices.ContainsFunc(reg.Requests(), func(r registrytest.Request) bool {
				return r.Method == http.MethodGet && strings.HasSuffix(r.URI, "/blobs/"+digest.String())
			})
			require.Equal(t, test.serves, !fetched, "%v", reg.Requests())
			fresh, _ := documentsOf(t, "--image="+ref)
			require.True(t, bytes.Equal(fresh, cached), "documents differ")
		})
	}
}

func TestABrokenCacheCostsTimeAndNothingElse(t *testing.T) {
	kinds := ecosystems(t)
	base := layer(t, kinds["debian"].files)
	for name, breaks := range map[string]func(t *testing.T, tag name.Tag){
		"not an entry": func(t *testing.T, tag name.Tag) {
			require.NoError(t, remote.Write(tag, newImage(t, "amd64", layer(t, files{"x": []byte("y")}))))
		},
		"of another base": func(t *testing.T, tag name.Tag) {
			list, err := remote.List(tag.Context())
			require.NoError(t, err)
			other, err := remote.Image(tag.Context().Tag(list[0]))
			require.NoError(t, err)
			require.NoError(t, remote.Write(tag, other))
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.Start(t)
			cache := "--cache-repository=" + reg.Host + "/team/cache"
			other := push(t, reg.Host, newImage(t, "amd64", layer(t, kinds["alpine"].files), layer(t, kinds["go"].files)))
			documentsOf(t, "--image="+other, cache)
			id, err := base.DiffID()
			require.NoError(t, err)
			tag, err := namedTag(reg.Host, key([]v1.Hash{id}))
			require.NoError(t, err)
			breaks(t, tag)
			ref := push(t, reg.Host, newImage(t, "amd64", base, layer(t, kinds["go"].files)))
			cached, said := documentsOf(t, "--image="+ref, cache)
			require.Contains(t, said, "not using the cache's entry")
			fresh, _ := documentsOf(t, "--image="+ref)
			require.True(t, bytes.Equal(fresh, cached))
		})
	}
}

func namedTag(host, key string) (name.Tag, error) {
	return name.NewTag(fmt.Sprintf("%s/team/cache:catalogue-%s", host, key[:40]))
}
