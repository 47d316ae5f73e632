package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"millrace/app"
)

// This file reads settings from YAML.

func (s *settings) fromFile() (map[string]string, error) {
	if s.file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return nil, app.Errorf(app.KindInvalid, "the settings file cannot be read: %w", err)
	}
	return s.fromYAML(data)
}

// fromYAML returns the settings that a file holds, or all that is wrong with
// their names.
func (s *settings) fromYAML(data []byte) (map[string]string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, app.Errorf(app.KindInvalid, "%s is no YAML with settings: %s", s.file, oneLine(err))
	}
	var tree map[string]any
	if err := document.Decode(&tree); err != nil && document.Kind != 0 {
		return nil, app.Errorf(app.KindInvalid, "%s is no YAML with settings by their names: %s", s.file, oneLine(err))
	}
	from := yamlFile{settings: s, values: map[string]string{}, lines: map[string]int{}}
	from.find("", &document)
	// Spring Boot keeps Kafka's settings under "spring"; so may we.
	if spring, ok := tree["spring"].(map[string]any); ok {
		delete(tree, "spring")
		from.flatten("spring-", "", spring)
	}
	from.flatten("", "", tree)
	return from.values, errors.Join(from.wrong...)
}

// yamlFile is a settings file as it is read.
type yamlFile struct {
	*settings
	values map[string]string
	lines  map[string]int // of each name, as it stands in the file
	wrong  []error
}

// find notes the line of every name below a node.
func (f *yamlFile) find(prefix string, node *yaml.Node) {
	if node.Kind == yaml.DocumentNode {
		for _, child := range node.Content {
			f.find("", child)
		}
	}
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := prefix + node.Content[i].Value
		f.lines[name] = node.Content[i].Line
		f.find(name+"-", node.Content[i+1])
	}
}

// flatten turns nested YAML into setting names joined by hyphens. above is
// what stands before them in the file and is no part of their names.
func (f *yamlFile) flatten(above, prefix string, tree map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		name := prefix + key
		if group, ok := tree[key].(map[string]any); ok {
			f.flatten(above, name+"-", group)
			continue
		}
		if tree[key] == nil && f.isGroup(name) {
			continue // all that was in it is commented out
		}
		line := f.lines[above+name]
		where := f.place(name, line)
		if !slices.Contains(f.names, name) {
			f.wrong = append(f.wrong, f.unknown(where, name))
			continue
		}
		text, err := settingText(tree[key])
		if _, twice := f.values[name]; twice {
			err = errors.New("it is set twice, once under its group and once by its whole name")
		}
		if err != nil {
			f.wrong = append(f.wrong, app.Errorf(app.KindInvalid, "%s: %w", where, err))
			continue
		}
		f.values[name] = text
		f.settings.lines[name] = line
	}
}

// settingText writes a YAML value the way it would be given as a flag.
func settingText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			text, err := settingText(part)
			if err != nil {
				return "", err
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	case nil:
		return "", errors.New("it has no value")
	default:
		return "", fmt.Errorf("%v is no value for a setting", v)
	}
}

// oneLine tells in one line what the YAML library spreads over several.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
}
