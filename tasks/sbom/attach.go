package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/referrers"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// attachAll makes every document a referrer of its subject. The same document is attached once, however often this runs.
func (o *options) attachAll(ctx context.Context, r *task.Run, client *registry.Client, ref name.Digest, all []*catalogue) error {
	store := referrers.New(client, ref.Context())
	for _, c := range all {
		digest, err := v1.NewHash(c.ref.DigestStr())
		if err != nil {
			return err
		}
		subject, err := store.Subject(ctx, digest)
		if err != nil {
			return registry.Explain(err, "attaching to", c.ref)
		}
		for _, d := range c.documents {
			attached, err := store.Attach(ctx, subject, referrers.Artifact{Type: d.artifactType, Title: filepath.Base(d.file), Content: d.data})
			if err != nil {
				return registry.Explain(err, "attaching to", c.ref)
			}
			r.Printf("attached %s to %s as %s", d.artifactType, digest, attached.Digest)
		}
	}
	return nil
}

// told is sbom.json: what people, and the summary, are told of the documents. It is no evidence.
type told struct {
	Task       string              `json:"task"`
	Image      string              `json:"image"`
	Digest     string              `json:"digest"`
	Packages   int                 `json:"packages"`
	Platforms  []toldPlatform      `json:"platforms"`
	Documents  []toldDocument      `json:"documents"`
	Commit     string              `json:"commit,omitempty"`
	Run        evidence.Invocation `json:"run"`
	StartedOn  time.Time           `json:"startedOn"`
	FinishedOn time.Time           `json:"finishedOn"`
}

type toldPlatform struct {
	Platform string `json:"platform"`
	Digest   string `json:"digest"`
	Packages int    `json:"packages"`
}

type toldDocument struct {
	File   string `json:"file"`
	Digest string `json:"digest"`
}

func (o *options) writeReport(ref name.Digest, all []*catalogue, began time.Time) error {
	t := told{
		Task: "sbom", Image: ref.Context().Name(), Digest: ref.DigestStr(), Packages: all[len(all)-1].packages(),
		Commit: o.evidence.Commit, Run: evidence.Invocation{PipelineRun: o.evidence.RunName, TaskRun: o.evidence.RunUID},
		StartedOn: began.UTC().Truncate(time.Second), FinishedOn: time.Now().UTC().Truncate(time.Second),
	}
	for _, c := range all {
		if c.image != nil {
			t.Platforms = append(t.Platforms, toldPlatform{c.platform, c.ref.DigestStr(), c.packages()})
		}
		for _, d := range c.documents {
			t.Documents = append(t.Documents, toldDocument{d.file, d.digest()})
		}
	}
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := task.WriteFile(filepath.Join(o.evidence.Reports, "sbom.json"), append(data, '\n'), 0o644); err != nil {
		return task.Misconfigured("writing sbom.json: %w", err)
	}
	return nil
}
