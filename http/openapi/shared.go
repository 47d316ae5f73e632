package openapi

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// componentPrefix begins what a document refers to in itself.
const componentPrefix = "#/components/"

// completed returns a document with the components that it refers to and does
// not have, and the ways to show a key that it names, out of another document.
func completed(source, other []byte) ([]byte, error) {
	var document, from yaml.Node
	if err := yaml.Unmarshal(source, &document); err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(other, &from); err != nil {
		return nil, err
	}
	root := document.Content[0]
	theirs := member(from.Content[0], "components")
	// What is added may refer to more.
	for added := true; added; {
		added = false
		for _, name := range append(references(root, nil), schemes(root)...) {
			kind, name, _ := strings.Cut(name, "/")
			group := ensure(ensure(root, "components"), kind)
			if member(group, name) != nil {
				continue
			}
			node := member(member(theirs, kind), name)
			if node == nil {
				return nil, fmt.Errorf("there is no %s/%s", kind, name)
			}
			set(group, name, node)
			added = true
		}
	}
	return yaml.Marshal(&document)
}

// references appends the names of the components, as KIND/NAME, to which a node
// refers.
func references(node *yaml.Node, names []string) []string {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].Value == "$ref" {
			if name, ok := strings.CutPrefix(child.Value, componentPrefix); ok {
				names = append(names, name)
			}
		}
		names = references(child, names)
	}
	return names
}

// schemes returns the names of the security schemes that a document asks for,
// which no $ref names.
func schemes(root *yaml.Node) (names []string) {
	security := member(root, "security")
	if security == nil {
		return nil
	}
	for _, one := range security.Content {
		for i := 0; i+1 < len(one.Content); i += 2 {
			names = append(names, "securitySchemes/"+one.Content[i].Value)
		}
	}
	return names
}

// member returns the value of a mapping's member, or nil.
func member(mapping *yaml.Node, name string) *yaml.Node {
	if mapping == nil {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// ensure returns the mapping that is a mapping's member, making it if there is
// none.
func ensure(mapping *yaml.Node, name string) *yaml.Node {
	if found := member(mapping, name); found != nil {
		return found
	}
	made := &yaml.Node{Kind: yaml.MappingNode}
	set(mapping, name, made)
	return made
}

func set(mapping *yaml.Node, name string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
}
