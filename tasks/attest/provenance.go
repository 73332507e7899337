package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/task"
)

// buildType says how to read the parameters of the provenance.
const buildType = "https://sluice-ci.github.io/build-types/pipeline/v1"

// provenance is SLSA provenance v1, as far as a run knows it.
type provenance struct {
	BuildDefinition struct {
		BuildType            string         `json:"buildType"`
		ExternalParameters   map[string]any `json:"externalParameters"`
		InternalParameters   map[string]any `json:"internalParameters,omitempty"`
		ResolvedDependencies []dependency   `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string `json:"invocationId,omitempty"`
			FinishedOn   string `json:"finishedOn,omitempty"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

type dependency struct {
	URI    string            `json:"uri,omitempty"`
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"`
}

func (o *options) provenancePredicate(origin evidence.Origin, image v1.Hash) (json.RawMessage, error) {
	var p provenance
	p.BuildDefinition.BuildType = buildType
	repository, _, _ := strings.Cut(o.image, "@")
	p.BuildDefinition.ExternalParameters = map[string]any{"revision": o.commit, "repository": repository}
	source := dependency{Name: "source", Digest: map[string]string{"gitCommit": o.commit}}
	if o.source != "" {
		p.BuildDefinition.ExternalParameters["source"] = o.source
		source.URI = "git+" + strings.TrimPrefix(o.source, "git+")
	}
	p.BuildDefinition.ResolvedDependencies = []dependency{source}
	if o.base != "" {
		name, digest, ok := strings.Cut(o.base, "@")
		hash, err := v1.NewHash(digest)
		if !ok || err != nil {
			return nil, task.Misconfigured("base %q does not name an image by digest", o.base)
		}
		p.BuildDefinition.ResolvedDependencies = append(p.BuildDefinition.ResolvedDependencies,
			dependency{Name: "base", URI: "oci://" + name, Digest: map[string]string{hash.Algorithm: hash.Hex}})
	}
	if o.taskRun != "" {
		p.BuildDefinition.InternalParameters = map[string]any{"attestedByTaskRun": o.taskRun}
	}
	p.RunDetails.Builder.ID = o.builder
	p.RunDetails.Metadata.InvocationID = origin.Run
	if !origin.Finished.IsZero() {
		p.RunDetails.Metadata.FinishedOn = origin.Finished.UTC().Format(time.RFC3339)
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding provenance of %s: %w", image, err)
	}
	return b, nil
}

// newest is when the last gate of the run finished. It comes from evidence that is
// vouched for, so that a rerun finds the same time and pushes the same bytes.
func newest(all []found) (at time.Time) {
	for _, f := range all {
		if f.finished.After(at) {
			at = f.finished
		}
	}
	return at
}

// earlier finds the time that an earlier try of the same run wrote, where no gate
// gives one; on the first try it is now.
func earlier(ctx context.Context, repo *ocirepo.Repository, digest v1.Hash, signer *keys.Signer, origin evidence.Origin) (time.Time, error) {
	now := time.Now().UTC().Truncate(time.Second)
	if origin.Run == "" {
		return now, nil
	}
	pieces, err := evidence.Collect(ctx, repo.Attachments(), digest)
	if err != nil {
		return time.Time{}, err
	}
	for _, p := range pieces {
		if p.Envelope == nil || p.Envelope.Verify(signer.Public()) != nil {
			continue
		}
		statement, err := evidence.ParseStatement(p.Envelope.Payload)
		if err != nil {
			continue
		}
		subject, err := statement.About(digest)
		if err != nil {
			continue
		}
		if was, err := subject.Origin(); err == nil && was.Run == origin.Run && was.Commit == origin.Commit && !was.Finished.IsZero() {
			return was.Finished, nil
		}
	}
	return now, nil
}
