// Package policy decides whether the evidence on an image digest admits it to an
// environment.
//
// A policy is a YAML file: keys with the identities they speak for, the evidence
// that is required, and environments with what they add. It promises that the same
// policy and evidence give the same verdict, with a reason for every piece of
// evidence, and that whatever is unknown counts against the image.
//
// Evidence counts when its signature verifies with a key that is valid at the time of
// judging and speaks for an identity that the requirement names, when it is about
// this digest, and when it is about the commit that is promoted. Of several such
// pieces the newest counts, alone: an older pass does not outweigh a newer failure. Two
// that differ and claim the same time are refused. Times are the signer's own
// word; whoever holds the key can write any.
//
// It refuses a policy with unknown fields, without keys, with an expression that does
// not compile to true or false, or with environments that nothing can reach.
//
//	p, err := policy.Parse(text)
//	verdict := p.Judge(environment, policy.Question{Digest: digest, Pieces: pieces, At: time.Now()})
package policy
