package ocirepo

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// Explain gives a failure the exit code and the remedy that it deserves: wrong
// names, credentials and certificates are for a person to mend (2), content that
// does not match its digest is refused (1), a registry that stays away could not be
// asked (3).
func Explain(err error) error {
	var own *task.Error
	if err == nil || errors.As(err, &own) || errors.Is(err, context.Canceled) {
		return err
	}
	var cert *tls.CertificateVerificationError
	var handshake *transport.Error
	denied := errors.Is(err, ErrDenied) || errors.As(err, &handshake) &&
		(handshake.StatusCode == http.StatusUnauthorized || handshake.StatusCode == http.StatusForbidden)
	switch {
	case errors.Is(err, ErrCorrupt):
		return task.Refuse("%w", err).WithRemedy("the registry, or something before it, changes content: trust nothing it serves until that is found")
	case errors.Is(err, ErrTooLarge):
		return task.Refuse("%w", err).WithRemedy("remove what does not belong there, then try again")
	case errors.As(err, &cert):
		return task.Misconfigured("%w", err).WithRemedy("bind the workspace ca to a ConfigMap with the CA that signed the registry's certificate")
	case registry.HandshakeRefused(err):
		return task.Misconfigured("%w", err).WithRemedy(registry.ClientCertificateRemedy)
	case denied:
		return task.Misconfigured("%w", err).WithRemedy("bind the workspace dockerconfig to a Secret with a config.json that may do this")
	case errors.Is(err, ErrNotFound):
		return task.Misconfigured("%w", err).WithRemedy("does the repository hold this digest?")
	case errors.Is(err, ErrUnavailable):
		return task.Undecided("%w", err).WithRemedy("is the registry up, and reachable from here? A rerun continues where this stopped")
	}
	return task.Undecided("%w", err)
}
