package main

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/anchore/syft/syft/pkg"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// told is sbom.json: what people, and the summary, are told of the documents. It is no evidence.
type told struct {
	Task       string               `json:"task"`
	Image      string               `json:"image"`
	Digest     string               `json:"digest"`
	Packages   int                  `json:"packages"`
	Platforms  []toldPlatform       `json:"platforms"`
	Documents  []toldDocument       `json:"documents"`
	Commit     string               `json:"commit,omitempty"`
	Run        predicate.Invocation `json:"run"`
	StartedOn  time.Time            `json:"startedOn"`
	FinishedOn time.Time            `json:"finishedOn"`
}

type toldPlatform struct {
	Platform string         `json:"platform"`
	Digest   string         `json:"digest"`
	Packages int            `json:"packages"`
	Size     int64          `json:"size"` // bytes of all layers as they are pulled
	Layers   []toldLayer    `json:"layers"`
	Licences map[string]int `json:"licences"` // packages by SPDX expression, or by what they say; "none" where they say nothing
}

type toldLayer struct {
	Digest   string `json:"digest"`
	Size     int64  `json:"size"`
	Packages int    `json:"packages"` // whose files lie in this layer
}

// tellPlatform sums up one image.
func tellPlatform(c *catalogue) (toldPlatform, error) {
	t := toldPlatform{Platform: c.platform, Digest: c.descriptor.Digest.String(), Packages: c.packages()}
	manifest, err := c.image.Manifest()
	if err != nil {
		return t, err
	}
	config, err := c.image.ConfigFile()
	if err != nil {
		return t, err
	}
	at := map[string]int{}
	for n, l := range manifest.Layers {
		t.Size += l.Size
		t.Layers = append(t.Layers, toldLayer{Digest: l.Digest.String(), Size: l.Size})
		if n < len(config.RootFS.DiffIDs) {
			at[config.RootFS.DiffIDs[n].String()] = n
		}
	}
	for p := range c.found.Artifacts.Packages.Enumerate() {
		in := map[int]bool{}
		for _, l := range p.Locations.ToSlice() {
			if n, ok := at[l.FileSystemID]; ok && !in[n] {
				in[n] = true
				t.Layers[n].Packages++
			}
		}
	}
	t.Licences = licences(c.found.Artifacts.Packages)
	return t, nil
}

// licences counts packages by what they say of their licence.
func licences(packages *pkg.Collection) map[string]int {
	count := map[string]int{}
	for p := range packages.Enumerate() {
		said := map[string]bool{}
		for _, l := range p.Licenses.ToSlice() {
			said[cmp.Or(l.SPDXExpression, l.Value)] = true
		}
		if len(said) == 0 {
			said["none"] = true
		}
		for licence := range said {
			count[licence]++
		}
	}
	return count
}

type toldDocument struct {
	File   string `json:"file"`
	Digest string `json:"digest"`
}

func (o *options) writeReport(all []*catalogue, began time.Time) error {
	whole := all[len(all)-1]
	t := told{
		Task: "sbom", Image: whole.name, Digest: whole.descriptor.Digest.String(), Packages: whole.packages(),
		Commit: o.evidence.Commit, Run: predicate.Invocation{PipelineRun: o.evidence.RunName, TaskRun: o.evidence.RunUID},
		StartedOn: began.UTC().Truncate(time.Second), FinishedOn: time.Now().UTC().Truncate(time.Second),
	}
	for _, c := range all {
		if c.image != nil {
			platform, err := tellPlatform(c)
			if err != nil {
				return registry.Explain(err, "reading", c)
			}
			t.Platforms = append(t.Platforms, platform)
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
