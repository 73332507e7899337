package lint

import (
	"iter"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/catalog/tree"
)

type envVar = corev1.EnvVar

// scalars yields every scalar value under a node with its place.
func scalars(n *yaml.Node, at tree.Path) iter.Seq2[tree.Path, string] {
	return func(yield func(tree.Path, string) bool) { walk(n, at, yield) }
}

func walk(n *yaml.Node, at tree.Path, yield func(tree.Path, string) bool) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return yield(at, n.Value)
	case yaml.AliasNode:
		return walk(n.Alias, at, yield)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			if !walk(c, at.Then(i), yield) {
				return false
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !walk(n.Content[i+1], at.Then(n.Content[i].Value), yield) {
				return false
			}
		}
	}
	return true
}
