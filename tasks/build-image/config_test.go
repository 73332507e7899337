package main

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
)

func TestWordsAreAJSONList(t *testing.T) {
	var w words
	require.NoError(t, w.Set(`["a b", "", "$(c)"]`))
	require.Equal(t, words{"a b", "", "$(c)"}, w)
	require.Equal(t, `["a b","","$(c)"]`, w.String())
	require.NoError(t, w.Set(" "))
	require.Nil(t, w)
	for _, text := range []string{`java -jar`, `"a"`, `[1]`, `["a"] ["b"]`, `[null]`, `null`, `{}`, `["a"`} {
		require.Error(t, w.Set(text), text)
	}
}

func TestPairsAreLines(t *testing.T) {
	var p pairs
	require.NoError(t, p.Set("A=1,2\n\n B=x=y\r\nC=\n"))
	require.Equal(t, pairs{{"A", "1,2"}, {"B", "x=y"}, {"C", ""}}, p)
	require.Equal(t, "A=1,2\nB=x=y\nC=", p.String())
	require.ErrorContains(t, p.Set("A"), `"A" is not NAME=value`)
	require.ErrorContains(t, p.Set("=1"), `is not NAME=value`)
	require.ErrorContains(t, p.Set("A=1\nA=2"), `A is set twice`)
}

func TestPortsHaveAProtocol(t *testing.T) {
	var p ports
	require.NoError(t, p.Set("8080, 53/udp"))
	require.Equal(t, ports{"8080/tcp", "53/udp"}, p)
	for _, text := range []string{"0", "65536", "a", "80/http", "80/"} {
		require.ErrorContains(t, p.Set(text), "is not a port")
	}
}

func TestMappings(t *testing.T) {
	m, err := parseMapping("dist/{os}/{arch}{variant}:/srv:5:6")
	require.NoError(t, err)
	require.Equal(t, mapping{"dist/{os}/{arch}{variant}", "/srv", 5, 6}, m)
	require.Equal(t, "dist/linux/armv7", m.source(v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}))
	for _, text := range []string{"", "dist", "dist:srv", ":/srv", "dist:/srv:5", "dist:/srv:a:b", "dist:/srv:-1:0", "a:/b:1:2:3"} {
		_, err := parseMapping(text)
		require.Error(t, err, text)
	}
}

func TestWhatIsNotConfiguredStaysTheBases(t *testing.T) {
	base := func() v1.Config {
		return v1.Config{
			Entrypoint: []string{"/sh"}, Cmd: []string{"-c"}, Env: []string{"PATH=/bin", "A=1"}, User: "33", WorkingDir: "/srv",
			Labels: map[string]string{"a": "1"}, ExposedPorts: map[string]struct{}{"80/tcp": {}},
		}
	}
	got := base()
	config{}.configure(&got)
	require.Equal(t, base(), got)

	config{entrypoint: words{"/app"}, env: pairs{{"A", "2"}, {"B", "3"}}, labels: pairs{{"b", "2"}}, user: "5", workdir: "/w", ports: ports{"90/udp"}}.configure(&got)
	require.Equal(t, v1.Config{
		Entrypoint: []string{"/app"}, Env: []string{"PATH=/bin", "A=2", "B=3"}, User: "5", WorkingDir: "/w",
		Labels: map[string]string{"a": "1", "b": "2"}, ExposedPorts: map[string]struct{}{"80/tcp": {}, "90/udp": {}},
	}, got)
}

func FuzzConfigValues(f *testing.F) {
	f.Add(`["a"]`)
	f.Add("A=b\nC=d")
	f.Add("80,90/udp")
	f.Fuzz(func(t *testing.T, text string) {
		for _, value := range []interface {
			Set(string) error
			String() string
		}{&words{}, &pairs{}, &ports{}} {
			if value.Set(text) != nil {
				continue
			}
			again := value.String()
			require.NoError(t, value.Set(again))
			require.Equal(t, again, value.String(), "what is written is read back")
		}
	})
}
