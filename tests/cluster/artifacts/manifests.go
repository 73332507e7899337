package artifacts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const tektonModule = "github.com/tektoncd/pipeline"

// renderTekton turns the manifests in Tekton's module into what this cluster applies: its own images, the security settings that restricted
// namespaces need, and trust in the registry's CA, which the ConfigMap config-registry-cert of either namespace holds.
func renderTekton(ctx context.Context, module string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", tektonModule)
	cmd.Dir = module
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("finding the module %q: %w", tektonModule, err)
	}
	dir, version, _ := strings.Cut(strings.TrimSpace(string(output)), " ")
	files, err := manifestFiles(filepath.Join(dir, "config"))
	if err != nil {
		return nil, err
	}
	var rendered bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading Tekton's manifests: %w", err)
		}
		text = bytes.ReplaceAll(text, []byte(`"devel"`), []byte(`"`+version+`"`))
		for _, document := range regexp.MustCompile(`(?m)^---\s*$`).Split(string(text), -1) {
			out, err := render([]byte(document))
			if err != nil {
				return nil, fmt.Errorf("rendering %q: %w", file, err)
			}
			if out != nil {
				fmt.Fprintf(&rendered, "---\n%s", out)
			}
		}
	}
	return rendered.Bytes(), nil
}

// manifestFiles lists the manifests in the order in which they apply: namespaces before what lives in them, and the webhooks after all that
// they would have a say in.
func manifestFiles(config string) ([]string, error) {
	var files []string
	for _, dir := range []string{"100-namespace", ".", "300-crds", "resolvers"} {
		found, err := filepath.Glob(filepath.Join(config, dir, "*.yaml"))
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("reading Tekton's manifests: %q holds none", filepath.Join(config, dir))
		}
		sort.Strings(found)
		files = append(files, found...)
	}
	sort.SliceStable(files, func(i, j int) bool { return !isWebhooks(files[i]) && isWebhooks(files[j]) })
	return files, nil
}

func isWebhooks(file string) bool { return filepath.Base(file) == "500-webhooks.yaml" }

func render(document []byte) ([]byte, error) {
	var object map[string]any
	if err := yaml.Unmarshal(document, &object); err != nil {
		return nil, err
	}
	if len(object) == 0 {
		return nil, nil
	}
	switch name := at(object, "metadata", "name"); object["kind"] {
	case "HorizontalPodAutoscaler": // needs a metrics API, which one machine does not have
		return nil, nil
	case "Deployment":
		renderDeployment(object)
	case "ConfigMap":
		switch name {
		case "feature-flags":
			data := object["data"].(map[string]any)
			data["set-security-context"] = "true"
			data["set-security-context-read-only-root-filesystem"] = "true"
		case "config-registry-cert": // comes with the CA
			return nil, nil
		}
	}
	return yaml.Marshal(object)
}

func renderDeployment(deployment map[string]any) {
	pod := at(deployment, "spec", "template", "spec").(map[string]any)
	for _, c := range pod["containers"].([]any) {
		container := c.(map[string]any)
		container["image"] = localImage(container["image"].(string))
		if args, ok := container["args"].([]any); ok {
			for i := range args {
				args[i] = localImage(args[i].(string))
				if i > 0 && args[i-1] == "-shell-image" {
					args[i] = Image("shell")
				}
			}
		}
		if command, ok := container["command"].([]any); ok && command[0] == "/sbin/tini" {
			container["command"] = command[len(command)-1:]
		}
		if probe, ok := container["readinessProbe"].(map[string]any); ok { // soon and often: a person waits for it
			probe["initialDelaySeconds"], probe["periodSeconds"] = 1, 2
		}
		trustRegistry(pod, container)
	}
}

// trustRegistry mounts the registry's CA, as Tekton's controller does already.
func trustRegistry(pod, container map[string]any) {
	const config = "config-registry-cert"
	env, _ := container["env"].([]any)
	if slices.ContainsFunc(env, func(e any) bool { return e.(map[string]any)["name"] == "SSL_CERT_FILE" }) {
		return
	}
	for _, variable := range []string{"SSL_CERT_FILE", "GIT_SSL_CAINFO"} {
		env = append(env, map[string]any{"name": variable, "value": "/etc/" + config + "/cert"})
	}
	container["env"] = env
	mounts, _ := container["volumeMounts"].([]any)
	container["volumeMounts"] = append(mounts, map[string]any{"name": config, "mountPath": "/etc/" + config})
	volumes, _ := pod["volumes"].([]any)
	pod["volumes"] = append(volumes, map[string]any{"name": config, "configMap": map[string]any{"name": config}})
}

func localImage(reference string) string {
	if program, ok := strings.CutPrefix(reference, "ko://"+tektonCommands); ok {
		return Image(program)
	}
	return reference
}

// at walks down the maps of an object; nil where the path ends early.
func at(object map[string]any, path ...string) any {
	var value any = object
	for _, key := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = m[key]
	}
	return value
}
