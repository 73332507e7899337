// Package closure copies an image together with everything that belongs to it: the
// manifests of an index, the referrers of each of them (signatures, SBOMs,
// attestations, and what refers to those in turn), and cosign's tags .sig, .att
// and .sbom.
//
// It promises that
//   - digests do not change: manifests are copied byte for byte;
//   - the destination's tag moves last, when all else is there, so that no reader
//     ever finds an image whose evidence is still on its way;
//   - within one registry blobs are mounted, moving no byte, without asking first
//     whether they are there; between registries every blob is streamed once;
//   - a copy that was killed is completed by a second one, and a finished one costs
//     only the requests that look for new evidence.
//
// It refuses an image that its source does not hold completely, manifests over 4
// MiB, media types that it does not know, and more than 10,000 manifests.
//
//	source := client.Open(ref.Context(), ocirepo.Pull)
//	target := client.Open(tag.Context(), ocirepo.Push, ref.Context())
//	c, err := closure.Discover(ctx, source.Attachments(), digest)
//	err = c.Copy(ctx, target)
//	err = c.Tag(ctx, target, "stable")
package closure
