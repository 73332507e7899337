package referrers

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFollowing(t *testing.T) {
	const current = "https://registry.example.com/v2/a/tags/list?n=100"
	for name, test := range map[string]struct{ link, want, problem string }{
		"last page":       {link: "", want: ""},
		"relative":        {link: `</v2/a/tags/list?n=100&last=b>; rel="next"`, want: "https://registry.example.com/v2/a/tags/list?n=100&last=b"},
		"other relation":  {link: `</v2/a>; rel="first"`, want: ""},
		"another host":    {link: `<https://evil.example.com/v2/>; rel="next"`, problem: "another host"},
		"without TLS":     {link: `<http://registry.example.com/v2/>; rel="next"`, problem: "another host"},
		"not an address":  {link: "<https://a b/>; rel=\"next\"", problem: "next page"},
		"no angle at all": {link: "nonsense", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := following(current, http.Header{"Link": {test.link}})
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		index, err := parseIndex(raw)
		if err == nil && (index == nil || index.SchemaVersion != 2) {
			t.Errorf("took %q", raw)
		}
	})
}
