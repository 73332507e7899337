package evidence

import (
	"errors"
	"fmt"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/strictjson"
)

// PayloadType is the payload type of every envelope that holds a [Statement].
const PayloadType = "application/vnd.in-toto+json"

// Envelope is a signed document: DSSE 1.0.
type Envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     []byte              `json:"payload"` // base64 in JSON
	Signatures  []EnvelopeSignature `json:"signatures"`
}

// EnvelopeSignature is one signature over the envelope's pre-authentication encoding.
type EnvelopeSignature struct {
	KeyID string `json:"keyid,omitempty"` // a hint that nothing relies on
	Sig   []byte `json:"sig"`             // base64 in JSON
}

// preAuthEncoding is PAE of the DSSE protocol: what is signed binds the payload's
// type to its bytes, so that one kind of document cannot pass for another.
func preAuthEncoding(payloadType string, payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
}

// Sign puts a payload into an envelope. The same payload gives the same envelope.
func Sign(signer *keys.Signer, payload []byte) (*Envelope, error) {
	sig, err := signer.Sign(preAuthEncoding(PayloadType, payload))
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return &Envelope{PayloadType: PayloadType, Payload: payload, Signatures: []EnvelopeSignature{{Sig: sig}}}, nil
}

// Verify checks the envelope's one signature. The payload means nothing before that.
func (e *Envelope) Verify(key *keys.Public) error {
	if e.PayloadType != PayloadType {
		return fmt.Errorf("payload type %q is not %q", e.PayloadType, PayloadType)
	}
	if len(e.Signatures) != 1 {
		return fmt.Errorf("%d signatures, want one", len(e.Signatures))
	}
	return key.Verify(preAuthEncoding(e.PayloadType, e.Payload), e.Signatures[0].Sig)
}

// ParseEnvelope reads an envelope, as cosign's .att tags hold it. It verifies nothing.
func ParseEnvelope(data []byte) (*Envelope, error) {
	var e Envelope
	if err := strictjson.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("reading envelope: %w", err)
	}
	if e.PayloadType == "" || len(e.Payload) == 0 {
		return nil, errors.New("reading envelope: it has no payload")
	}
	return &e, nil
}
