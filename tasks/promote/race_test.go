package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/task"
)

// TestConcurrentPromotionsNeverShareANumber promotes several images to one environment
// at once. Each either becomes a record of one unbroken chain or is refused.
func TestConcurrentPromotionsNeverShareANumber(t *testing.T) {
	w := evidencetest.New(t)
	const at = 4
	var all [at]name.Digest
	for i := range all {
		all[i] = w.Image(t, "team/app")
		w.Attest(t, all[i], 85)
	}
	var wg sync.WaitGroup
	var codes [at]int
	var words [at]string
	for i := range all {
		wg.Go(func() { codes[i], words[i] = promoteToDev(t, w, all[i]) })
	}
	wg.Wait()
	done := map[string]bool{}
	for i := range all {
		if codes[i] == task.CodeDone {
			done[all[i].DigestStr()] = true
			continue
		}
		require.Equal(t, task.CodeRefused, codes[i], words[i])
		require.Regexp(t, "came in between|have the same number", words[i])
	}

	p, err := policy.Parse([]byte(w.Policy()))
	require.NoError(t, err)
	e, err := p.Environment("dev")
	require.NoError(t, err)
	chain, err := promotion.Open(t.Context(), p, e, w.Repository(t, "dev/app"))
	require.NoError(t, err, "a promotion that gave up took its record back")
	recorded := map[v1.Hash]bool{}
	for at := chain.Newest; at != nil; {
		recorded[at.Image] = true
		at, err = chain.Before(t.Context(), at)
		require.NoError(t, err)
	}
	code, text := promoteToDev(t, w, all[0])
	require.Equal(t, task.CodeDone, code, "the next promotion is not held up: %s", text)
	for digest := range done {
		require.True(t, recorded[v1.Hash{Algorithm: "sha256", Hex: strings.TrimPrefix(digest, "sha256:")}], "what succeeded is in the chain")
	}
}
