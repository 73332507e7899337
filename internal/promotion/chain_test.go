package promotion_test

import (
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestChainIsReadBackToItsFirstRecord(t *testing.T) {
	w := evidencetest.New(t)
	chain, err := w.Chain(t, "dev")
	require.NoError(t, err)
	require.Nil(t, chain.Newest, "nothing was ever promoted")

	var images []string
	start := time.Now().Add(-time.Hour)
	for i := range 3 {
		image := w.Image(t, "dev/app")
		images = append(images, image.DigestStr())
		w.Promoted(t, image, start.Add(time.Duration(i)*time.Minute))
	}
	chain, err = w.Chain(t, "dev")
	require.NoError(t, err)
	require.Equal(t, chain.Newest.Manifest, chain.Tip)
	at := chain.Newest
	for number := 3; number > 0; number-- {
		require.Equal(t, number, at.Number)
		require.Equal(t, images[number-1], at.Image.String())
		require.Equal(t, promotion.Promote, at.Action)
		require.Equal(t, evidencetest.Commit, at.Commit)
		at, err = chain.Before(t.Context(), at)
		require.NoError(t, err)
	}
	require.Nil(t, at)
}

func TestAnInterruptedPromotionIsCompletedWithoutASecondRecord(t *testing.T) {
	w := evidencetest.New(t)
	image := w.Image(t, "dev/app")
	chain, err := w.Chain(t, "dev")
	require.NoError(t, err)
	require.NoError(t, w.Append(t, chain, w.Promoter, image, time.Now()))

	again, err := w.Chain(t, "dev")
	require.NoError(t, err)
	require.Zero(t, again.Tip, "it was cut off before the tip moved")
	require.True(t, again.Unfinished(&chain.Newest.Record, chain.Newest.Image))
	require.False(t, again.Unfinished(&chain.Newest.Record, v1.Hash{Algorithm: "sha256", Hex: "00"}), "another image")
	require.NoError(t, again.Advance(t.Context()))
	again, err = w.Chain(t, "dev")
	require.NoError(t, err)
	require.Equal(t, chain.Newest.Manifest, again.Tip)
	require.NoError(t, again.Settled(t.Context()))
}

func TestATipLeftBehindTwiceIsCaughtUpWith(t *testing.T) {
	w := evidencetest.New(t)
	w.Promoted(t, w.Image(t, "dev/app"), time.Now())
	for range 2 { // cut off before the tip moved
		chain, err := w.Chain(t, "dev")
		require.NoError(t, err)
		require.NoError(t, w.Append(t, chain, w.Promoter, w.Image(t, "dev/app"), time.Now()))
	}
	chain, err := w.Chain(t, "dev")
	require.NoError(t, err)
	require.Equal(t, 3, chain.Newest.Number)
	require.NoError(t, chain.Advance(t.Context()))
	chain, err = w.Chain(t, "dev")
	require.NoError(t, err)
	require.Equal(t, chain.Newest.Manifest, chain.Tip)
}

func TestOfTwoPromotionsAtOnceTheSecondGivesUp(t *testing.T) {
	w := evidencetest.New(t)
	ours, err := w.Chain(t, "dev")
	require.NoError(t, err)
	theirs, err := w.Chain(t, "dev")
	require.NoError(t, err)
	require.NoError(t, w.Append(t, ours, w.Promoter, w.Image(t, "dev/app"), time.Now()))
	err = w.Append(t, theirs, w.Promoter, w.Image(t, "dev/app"), time.Now())
	require.ErrorContains(t, err, "have the same number")
	require.Equal(t, task.CodeRefused, task.Code(err))

	again, err := w.Chain(t, "dev")
	require.NoError(t, err, "it took its record back")
	require.Equal(t, ours.Newest.Manifest, again.Newest.Manifest)

	require.NoError(t, w.Append(t, again, w.Promoter, w.Image(t, "dev/app"), time.Now()))
	err = ours.Settled(t.Context())
	require.ErrorContains(t, err, `another promotion to "dev" came in between: record 2`)
}

func TestChainsThatAreBroken(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, w *evidencetest.World, own string)
		says  string
	}{
		{"a fork", func(t *testing.T, w *evidencetest.World, own string) {
			copyTag(t, w, own, "promotions-dev.000002.0123456789abcdef")
		}, "have the same number"},
		{"a record under another number", func(t *testing.T, w *evidencetest.World, own string) {
			copyTag(t, w, own, "promotions-dev.000007."+own[len(own)-16:])
		}, "tag promotions-dev.000007"},
		{"a record under another digest", func(t *testing.T, w *evidencetest.World, own string) {
			copyTag(t, w, own, "promotions-dev.000003.0123456789abcdef")
		}, "tag promotions-dev.000003.0123456789abcdef holds record 2"},
		{"an image in its place", func(t *testing.T, w *evidencetest.World, _ string) {
			copyTag(t, w, w.Image(t, "dev/app").DigestStr(), "promotions-dev.000003.0123456789abcdef")
		}, "is no promotion record"},
		{"a tip and no records", func(t *testing.T, w *evidencetest.World, _ string) {
			repo := w.Repository(t, "dev/app")
			tags, err := repo.TagsWithPrefix(t.Context(), "promotions-dev.")
			require.NoError(t, err)
			for _, tag := range tags {
				require.NoError(t, repo.DeleteTag(t.Context(), tag))
			}
		}, "no record has a tag of its own"},
		{"the newest record deleted", func(t *testing.T, w *evidencetest.World, own string) {
			require.NoError(t, w.Repository(t, "dev/app").DeleteTag(t.Context(), own))
		}, "was a newer one deleted?"},
		{"a key that left the policy", func(t *testing.T, w *evidencetest.World, _ string) {
			w.Promoter, w.KeyDir = evidencetest.Key(t)
			w.WritePolicy(t, w.Policy())
		}, "promotions-dev.000002"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := evidencetest.New(t)
			for range 2 {
				w.Promoted(t, w.Image(t, "dev/app"), time.Now().Add(-time.Hour))
			}
			chain, err := w.Chain(t, "dev")
			require.NoError(t, err)
			test.spoil(t, w, "promotions-dev.000002."+chain.Newest.Manifest.Hex[:16])
			_, err = w.Chain(t, "dev")
			require.ErrorContains(t, err, test.says)
			require.Equal(t, task.CodeRefused, task.Code(err))
		})
	}
}

func copyTag(t *testing.T, w *evidencetest.World, from, to string) {
	t.Helper()
	repo := w.Repository(t, "dev/app")
	m, err := repo.Manifest(t.Context(), from)
	require.NoError(t, err)
	_, err = repo.Put(t.Context(), to, m)
	require.NoError(t, err)
}

func TestOnlyThePromoterOfTheEnvironmentMayRecord(t *testing.T) {
	w := evidencetest.New(t)
	chain, err := w.Chain(t, "dev")
	require.NoError(t, err)
	err = w.Append(t, chain, w.Attestor, w.Image(t, "dev/app"), time.Now())
	require.ErrorContains(t, err, `does not speak for "promoter"`)
	require.Equal(t, task.CodeMisconfigured, task.Code(err))
	chain, err = w.Chain(t, "dev")
	require.NoError(t, err)
	require.Nil(t, chain.Newest, "nothing was written")
}

func TestFollowedWantsARecordOfThatEnvironment(t *testing.T) {
	w := evidencetest.New(t)
	promoted, other := w.Image(t, "dev/app"), w.Image(t, "dev/app")
	w.Promoted(t, promoted, time.Now())
	followed := func(environment, digest string) error {
		p, e := w.Environment(t, environment)
		hash, err := v1.NewHash(digest)
		require.NoError(t, err)
		return promotion.Followed(t.Context(), p, e, w.Repository(t, "dev/app"), hash)
	}
	require.NoError(t, followed("dev", promoted.DigestStr()))
	require.ErrorContains(t, followed("dev", other.DigestStr()), `has not been promoted to "dev"`)
	require.ErrorContains(t, followed("staging", promoted.DigestStr()), `has not been promoted to "staging"`)
}
