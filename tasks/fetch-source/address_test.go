package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]address{
		"https://git.example.com/team/app.git":   {scheme: "https", host: "git.example.com", path: "/team/app.git", clean: "https://git.example.com/team/app.git"},
		"https://git.example.com:8443/app":       {scheme: "https", host: "git.example.com:8443", path: "/app", clean: "https://git.example.com:8443/app"},
		"ssh://git@git.example.com:2222/app.git": {scheme: "ssh", user: "git", host: "git.example.com:2222", path: "/app.git", clean: "ssh://git@git.example.com:2222/app.git"},
		"git@git.example.com:team/app.git":       {scheme: "ssh", user: "git", host: "git.example.com", path: "team/app.git", clean: "git@git.example.com:team/app.git"},
		"git.example.com:team/app.git":           {scheme: "ssh", host: "git.example.com", path: "team/app.git", clean: "git.example.com:team/app.git"},
		"file:///srv/app.git":                    {scheme: "file", path: "/srv/app.git", clean: "file:///srv/app.git"},
		"/srv/app.git":                           {scheme: "file", path: "/srv/app.git", clean: "file:///srv/app.git"},
		"http://git.svc:3000/app.git":            {scheme: "http", host: "git.svc:3000", path: "/app.git", clean: "http://git.svc:3000/app.git"},
	} {
		got, err := parseAddress(text, []string{"git.svc:3000"})
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, problem := range map[string]string{
		"":                                     "scheme",
		"app.git":                              "scheme",
		"git://git.example.com/app":            "scheme \"git\"",
		"ext::sh -c touch /tmp/x":              "scheme \"ext\"",
		"http://git.example.com/app":           "plain HTTP",
		"https://user:secret@git.example.com/": "holds credentials",
		"https://token@git.example.com/app":    "holds credentials",
		"ssh://git:secret@git.example.com/a":   "holds credentials",
		"https://git.example.com":              "names no repository",
		"https:///app":                         "names no host",
		"file://server/app.git":                "names the host",
		"https://git.example.com/%zz":          "not a URL",
	} {
		_, err := parseAddress(text, nil)
		require.ErrorContains(t, err, problem, text)
		require.NotContains(t, err.Error(), "secret", text)
	}
}

func TestRelativeSubmoduleURLs(t *testing.T) {
	for name, test := range map[string]struct{ base, link, want string }{
		"sibling":        {"https://git.example.com/team/app.git", "../lib.git", "https://git.example.com/team/lib.git"},
		"other team":     {"https://git.example.com/team/app.git", "../../other/lib.git", "https://git.example.com/other/lib.git"},
		"below":          {"https://git.example.com/team/app.git", "./lib.git", "https://git.example.com/team/app.git/lib.git"},
		"short form":     {"git@git.example.com:team/app.git", "../lib.git", "git@git.example.com:team/lib.git"},
		"short form top": {"git@git.example.com:app.git", "../lib.git", "git@git.example.com:lib.git"},
		"absolute":       {"https://git.example.com/team/app.git", "https://other.example.com/lib", "https://other.example.com/lib"},
		"slash at end":   {"https://git.example.com/team/app/", "../lib", "https://git.example.com/team/lib"},
		"above the host": {"https://git.example.com/app", "../../../../etc", "../../etc"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, address{clean: test.base}.relative(test.link))
		})
	}
}

func TestASubmoduleMayNotPointIntoThisMachine(t *testing.T) {
	from := address{scheme: "https", host: "git.example.com", clean: "https://git.example.com/app"}
	for _, link := range []string{"file:///etc", "/etc", "../../../../../etc"} {
		_, err := submoduleAddress(link, from, nil)
		require.Error(t, err, link)
	}
	at, err := submoduleAddress("../lib.git", address{scheme: "file", clean: "file:///srv/app.git"}, nil)
	require.NoError(t, err)
	require.Equal(t, "file:///srv/lib.git", at.clean)
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"https://git.example.com/a", "git@host:path", "file:///x", "ssh://u@h:1/p", "http://h/p", "[::1]:a", "a@b:c@d:e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAddress(text, nil)
		if err != nil {
			return
		}
		if a.scheme != "https" && a.scheme != "ssh" && a.scheme != "file" {
			t.Errorf("%q: took the scheme %q", text, a.scheme)
		}
		if a.scheme != "file" && a.host == "" || a.path == "" {
			t.Errorf("%q: no host or no path: %+v", text, a)
		}
		if strings.Contains(a.relative("../x"), "..") {
			return // left for parseAddress to refuse
		}
	})
}
