package registry

import (
	"bytes"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/sluice-ci/sluice/internal/task"
)

// dockerConfig is a keychain over one docker config file.
type dockerConfig struct{ file *configfile.ConfigFile }

var _ authn.Keychain = dockerConfig{}

func parseDockerConfig(path string, data []byte) (authn.Keychain, error) {
	file, err := config.LoadFromReader(bytes.NewReader(data))
	if err != nil {
		return nil, task.Misconfigured("reading registry credentials %s: %w", path, err).
			WithRemedy("it has the form of ~/.docker/config.json: {\"auths\": {\"registry.example.com\": {\"auth\": \"…\"}}}")
	}
	return dockerConfig{file}, nil
}

// Resolve finds the credentials for a resource, the most specific first: a
// config may name registry/path as Kubernetes allows, or the registry alone.
func (k dockerConfig) Resolve(target authn.Resource) (authn.Authenticator, error) {
	for key := target.String(); key != ""; key = parentPath(key) {
		if key == "index.docker.io" {
			key = authn.DefaultAuthKey
		}
		auth, err := k.file.GetAuthConfig(key)
		if err != nil {
			return nil, task.Misconfigured("reading credentials for %s: %w", key, err)
		}
		auth.ServerAddress = ""
		if auth != (types.AuthConfig{}) {
			return authn.FromConfig(authn.AuthConfig{
				Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
				IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
			}), nil
		}
		if key == authn.DefaultAuthKey {
			break
		}
	}
	return authn.Anonymous, nil
}

func parentPath(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}
