package release

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is the value of a key, or nil, also where n is nil or not a mapping.
func field(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set gives a key its value, in place or at the end.
func set(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, scalar(key), value)
}

func remove(n *yaml.Node, key string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}

// replace replaces text in every scalar under the node.
func replace(n *yaml.Node, text, by string) {
	if n.Kind == yaml.ScalarNode {
		n.Value = strings.ReplaceAll(n.Value, text, by)
	}
	for _, c := range n.Content {
		replace(c, text, by)
	}
}

// elementNames are the names of a list's elements.
func elementNames(list *yaml.Node) []string {
	var names []string
	if list != nil {
		for _, e := range list.Content {
			if name := field(e, "name"); name != nil {
				names = append(names, name.Value)
			}
		}
	}
	return names
}

func scalar(value string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(value)
	return n
}

// mapping builds a mapping of strings: key, value, key, value.
func mapping(pairs ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, p := range pairs {
		n.Content = append(n.Content, scalar(p))
	}
	return n
}
