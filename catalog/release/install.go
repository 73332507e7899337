package release

import (
	"bytes"
	_ "embed"
	"fmt"
	"path/filepath"
	"text/template"

	"go.yaml.in/yaml/v3"
)

//go:embed namespace.yaml.tmpl
var namespaceTemplate string

// install writes install.yaml: the namespace and the right to read it, then every task and pipeline. `kubectl apply --server-side` takes it
// as well as `catalog install`.
func (r *renderer) install() error {
	var head bytes.Buffer
	t, err := template.New("namespace").Parse(namespaceTemplate)
	if err != nil {
		return fmt.Errorf("rendering install.yaml: %w", err)
	}
	if err := t.Execute(&head, r.o); err != nil {
		return fmt.Errorf("rendering install.yaml: %w", err)
	}
	for _, n := range r.all {
		metadata := field(n, "metadata")
		set(metadata, "namespace", scalar(r.o.Namespace))
		labels := field(metadata, "labels")
		if labels == nil {
			labels = &yaml.Node{Kind: yaml.MappingNode}
			set(metadata, "labels", labels)
		}
		set(labels, "app.kubernetes.io/part-of", scalar("sluice"))
		set(labels, "app.kubernetes.io/managed-by", scalar("catalog"))
	}
	body, err := encode(r.all...)
	if err != nil {
		return fmt.Errorf("rendering install.yaml: %w", err)
	}
	return writeFile(filepath.Join(r.dir, "install.yaml"), append(append(head.Bytes(), "---\n"...), body...))
}
