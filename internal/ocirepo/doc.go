// Package ocirepo speaks the OCI distribution protocol to one repository at a
// time: manifests, blobs, tags and referrers.
//
// It promises that
//   - a manifest or blob fetched by digest has that digest, and is bounded in size
//     before a byte of it is kept;
//   - a request that failed for a passing reason (connection reset, 408, 429, 5xx,
//     a stalled body) is repeated within a budget of time, honouring Retry-After,
//     and the number of requests in flight to a host shrinks when it asks for that;
//   - referrers are the union of everything that a registry may know: the
//     referrers API, the fallback tag, and this package's own referrer tags, so that
//     none hides another;
//   - concurrent writers of referrers lose no entry on registries without the
//     referrers API; see [Repository.Attach] for the protocol.
//
// It refuses digests other than sha256, manifests over 4 MiB (the limit that the
// OCI distribution specification lets registries set), and a body that does not
// match its digest.
//
//	client := ocirepo.New(ocirepo.Access{Keychain: authn.DefaultKeychain})
//	repo := client.Open(ref.Context(), ocirepo.Pull)
//	manifest, err := repo.Manifest(ctx, ref.Identifier())
package ocirepo
