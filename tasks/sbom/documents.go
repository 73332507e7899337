package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/format/common/cyclonedxhelpers"
	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/google/uuid"
	"github.com/spdx/tools-golang/spdx"

	"github.com/sluice-ci/sluice/internal/task"
)

// document is an SBOM as bytes.
type document struct {
	file         string // in reports
	artifactType string // as an OCI referrer
	data         []byte
}

func (d document) digest() string {
	sum := sha256.Sum256(d.data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// render writes both documents. The document of the whole has no platform in its file name.
func (o *options) render(c *catalogue) error {
	s, err := o.spdx(c)
	if err != nil {
		return task.Undecided("writing the SPDX document of %s: %w", c, err)
	}
	x, err := o.cyclonedx(c)
	if err != nil {
		return task.Undecided("writing the CycloneDX document of %s: %w", c, err)
	}
	suffix := "-" + strings.ReplaceAll(c.platform, "/", "-")
	c.documents = []document{
		{"sbom" + suffix + ".spdx.json", "application/spdx+json", s},
		{"sbom" + suffix + ".cdx.json", "application/vnd.cyclonedx+json", x},
	}
	return nil
}

// write puts the documents into reports. That of the whole image is sbom.spdx.json and sbom.cdx.json.
func (o *options) write(all []*catalogue) error {
	whole := all[len(all)-1]
	whole.documents[0].file, whole.documents[1].file = "sbom.spdx.json", "sbom.cdx.json"
	for _, c := range all {
		for _, d := range c.documents {
			if err := task.WriteFile(filepath.Join(o.evidence.Reports, d.file), d.data, 0o644); err != nil {
				return task.Misconfigured("writing %s: %w", d.file, err)
			}
		}
	}
	return nil
}

// identifier is a version 5 UUID over a document that has none yet: the same content has the same one, on any day.
func identifier(content []byte) uuid.UUID {
	sum := sha256.Sum256(content)
	return uuid.NewSHA1(uuid.NameSpaceURL, append([]byte("https://sluice-ci.github.io/sbom/"), sum[:]...))
}

// spdx renders SPDX 2.3 JSON. Where the field helper leaves an order open, ours is by identifier.
func (o *options) spdx(c *catalogue) ([]byte, error) {
	doc := spdxhelpers.ToFormatModel(*c.found)
	doc.CreationInfo.Created = o.epoch.time().Format(time.RFC3339)
	slices.SortFunc(doc.Packages, func(a, b *spdx.Package) int {
		return cmp.Compare(a.PackageSPDXIdentifier, b.PackageSPDXIdentifier)
	})
	slices.SortFunc(doc.Files, func(a, b *spdx.File) int { return cmp.Compare(a.FileSPDXIdentifier, b.FileSPDXIdentifier) })
	slices.SortFunc(doc.Relationships, func(a, b *spdx.Relationship) int {
		return cmp.Or(cmp.Compare(a.RefA.ElementRefID, b.RefA.ElementRefID), cmp.Compare(a.Relationship, b.Relationship),
			cmp.Compare(a.RefB.ElementRefID, b.RefB.ElementRefID))
	})
	slices.SortFunc(doc.OtherLicenses, func(a, b *spdx.OtherLicense) int {
		return cmp.Compare(a.LicenseIdentifier, b.LicenseIdentifier)
	})
	encode := func() ([]byte, error) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(doc)
		return b.Bytes(), err
	}
	doc.DocumentNamespace = ""
	content, err := encode()
	if err != nil {
		return nil, err
	}
	doc.DocumentNamespace = "https://sluice-ci.github.io/sbom/" + identifier(content).String()
	return encode()
}

// cyclonedx renders CycloneDX 1.6 JSON.
func (o *options) cyclonedx(c *catalogue) ([]byte, error) {
	bom := cyclonedxhelpers.ToFormatModel(*c.found)
	bom.Metadata.Timestamp = o.epoch.time().Format(time.RFC3339)
	slices.SortStableFunc(*bom.Components, func(a, b cyclonedx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
	if bom.Dependencies != nil {
		for _, d := range *bom.Dependencies {
			if d.Dependencies != nil {
				slices.Sort(*d.Dependencies)
			}
		}
		slices.SortFunc(*bom.Dependencies, func(a, b cyclonedx.Dependency) int { return cmp.Compare(a.Ref, b.Ref) })
	}
	encode := func() ([]byte, error) {
		var b bytes.Buffer
		err := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetEscapeHTML(false).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
		return append(bytes.TrimSpace(b.Bytes()), '\n'), err
	}
	bom.SerialNumber = ""
	content, err := encode()
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	bom.SerialNumber = identifier(content).URN()
	return encode()
}
