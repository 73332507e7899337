package evidence

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/strictjson"
)

// MaxBundle is the largest bundle or envelope that is read or written, in bytes. An
// SBOM of a large image, in base64 within JSON, stays below it.
const MaxBundle = 64 << 20

const (
	envelopeType  = "application/vnd.dsse.envelope.v1+json"
	simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"
	simpleSig     = "dev.cosignproject.cosign/signature"
)

// Piece is something that is attached to a digest and may be evidence. Nothing in
// it has been verified.
type Piece struct {
	Manifest v1.Hash // of the manifest that holds it
	Place    string  // where it was found: one of ocirepo.From…, or a tag
	Kind     string  // artifact type, or media type of the layer

	Envelope  *Envelope  // a statement, in a bundle or by itself
	Signature *Signature // a plain signature in cosign's old form
	Problem   error      // why it is neither
}

// Signature is cosign's plain signature: a "simple signing" payload that names the
// digest, signed as it is.
type Signature struct {
	Payload, Sig []byte
}

// Collect reads everything that is attached to a digest, from the referrers API,
// fallback tag, referrer tags and cosign's tags together, so that none hides
// another. What cannot be understood is a piece with a problem; what cannot be
// fetched is an error, because it might be anything.
func Collect(ctx context.Context, from *ocirepo.Attachments, digest v1.Hash) ([]Piece, error) {
	attached, err := from.Of(ctx, digest)
	if err != nil {
		return nil, err
	}
	c := collector{from: from, digest: digest}
	lists := make([][]Piece, len(attached.Referrers)+len(attached.Tags))
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range attached.Referrers {
		g.Go(func() (err error) { lists[i], err = c.referrer(ctx, r); return err })
	}
	for i, tag := range attached.Tags {
		at := len(attached.Referrers) + i
		g.Go(func() (err error) { lists[at], err = c.tag(ctx, tag); return err })
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("collecting the evidence of %s@%s: %w", from.Repository.Name, digest, err)
	}
	var all []Piece
	for _, l := range lists {
		all = append(all, l...)
	}
	for _, p := range attached.Problems {
		all = append(all, Piece{Place: "index of referrers", Problem: p})
	}
	return all, nil
}

type collector struct {
	from   *ocirepo.Attachments
	digest v1.Hash
}

type manifest struct {
	ArtifactType string          `json:"artifactType"`
	Layers       []v1.Descriptor `json:"layers"`
	Subject      *v1.Descriptor  `json:"subject"`
}

func (c *collector) referrer(ctx context.Context, r ocirepo.Referrer) ([]Piece, error) {
	p := Piece{Manifest: r.Digest, Place: r.Origin, Kind: r.ArtifactType}
	doc, err := c.manifest(ctx, r.Digest.String())
	if err != nil {
		return problem(p, err)
	}
	if doc.ArtifactType != "" {
		p.Kind = doc.ArtifactType
	}
	if doc.Subject == nil || doc.Subject.Digest != c.digest {
		p.Problem = errors.New("its subject is another digest")
		return []Piece{p}, nil
	}
	return c.layers(ctx, p, doc.Layers)
}

func (c *collector) tag(ctx context.Context, tag string) ([]Piece, error) {
	suffix := tag[strings.LastIndexByte(tag, '.'):]
	p := Piece{Place: "tag " + suffix}
	if suffix != ".att" && suffix != ".sig" {
		p.Problem = errors.New("not signed evidence")
		return []Piece{p}, nil
	}
	doc, err := c.manifest(ctx, tag)
	if err != nil {
		return problem(p, err)
	}
	return c.layers(ctx, p, doc.Layers)
}

func (c *collector) manifest(ctx context.Context, ref string) (manifest, error) {
	var doc manifest
	m, err := c.from.Manifest(ctx, ref)
	if err != nil {
		return doc, err
	}
	if err := strictjson.Unmarshal(m.Bytes, &doc); err != nil {
		return doc, &unreadable{fmt.Errorf("reading manifest %s: %w", m.Digest, err)}
	}
	return doc, nil
}

// layers reads the evidence in the layers of one manifest.
func (c *collector) layers(ctx context.Context, p Piece, layers []v1.Descriptor) ([]Piece, error) {
	var all []Piece
	for _, d := range layers {
		one := p
		if one.Kind == "" {
			one.Kind = string(d.MediaType)
		}
		var read func([]byte) error
		switch kind := string(d.MediaType); {
		case strings.HasPrefix(kind, bundlePrefix):
			read = func(b []byte) (err error) { one.Envelope, err = ParseBundle(b); return err }
		case kind == envelopeType || kind == PayloadType:
			read = func(b []byte) (err error) { one.Envelope, err = ParseEnvelope(b); return err }
		case kind == simpleSigning:
			read = func(b []byte) error { return one.simple(b, d.Annotations[simpleSig]) }
		default:
			one.Problem = errors.New("not signed evidence")
			all = append(all, one)
			continue
		}
		b, err := c.from.Repository.ReadBlob(ctx, d, MaxBundle)
		if err == nil {
			if err = read(b); err != nil {
				err = &unreadable{err}
			}
		}
		if err != nil {
			pieces, err := problem(one, err)
			if err != nil {
				return nil, err
			}
			all = append(all, pieces...)
			continue
		}
		all = append(all, one)
	}
	return all, nil
}

func (p *Piece) simple(payload []byte, signature string) error {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(sig) == 0 {
		return fmt.Errorf("reading signature: annotation %q is not base64", simpleSig)
	}
	p.Signature = &Signature{Payload: payload, Sig: sig}
	return nil
}

type unreadable struct{ error }

// problem makes a failure that belongs to one piece a part of it; others are
// returned, because what could not be fetched might be anything.
func problem(p Piece, err error) ([]Piece, error) {
	var u *unreadable
	if errors.As(err, &u) || errors.Is(err, ocirepo.ErrTooLarge) || errors.Is(err, ocirepo.ErrNotFound) {
		p.Problem = err
		return []Piece{p}, nil
	}
	return nil, err
}

// Name names a piece for people.
func (p Piece) Name() string {
	if p.Manifest.Hex == "" {
		return p.Place
	}
	return p.Manifest.String()
}
