package postgres

import (
	"strings"

	"millrace/app"
)

// attribute adds a filter by an attribute. Each place that its name may mean,
// with each value, is a containment of its own, which an index of
// jsonb_path_ops serves.
func (c *conditions) attribute(a app.AttributeFilter) {
	var choices []string
	for _, object := range containments(a) {
		choices = append(choices, "attributes @> "+c.arg(object)+"::jsonb")
	}
	choice := "(" + strings.Join(choices, " OR ") + ")"
	if a.Not {
		choice += " IS NOT TRUE"
	}
	c.pieces = append(c.pieces, choice)
}

// containments are the objects of which a log that the filter wants has one.
func containments(a app.AttributeFilter) (objects []string) {
	for _, path := range paths(shownText(a.Name, 0)) {
		for _, value := range a.Values {
			for _, scalar := range scalars(shownText(value, 0)) {
				objects = append(objects, nested(path, scalar))
			}
		}
	}
	return objects
}

// paths are the ways to read a name with dots: "a.b" is b in a, and "a.b".
func paths(name string) [][]string {
	all := [][]string{{name}}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		for _, rest := range paths(name[i+1:]) {
			all = append(all, append([]string{name[:i]}, rest...))
		}
	}
	return all
}

// scalars are the JSON values that a filter's value may mean.
func scalars(value string) []string {
	all := []string{string(app.AppendJSONString(nil, value))}
	if value == "true" || value == "false" || value == "null" || app.IsNumber(value) {
		all = append(all, value)
	}
	return all
}

func nested(path []string, scalar string) string {
	var object []byte
	for _, name := range path {
		object = append(app.AppendJSONString(append(object, '{'), name), ':')
	}
	object = append(object, scalar...)
	return string(object) + strings.Repeat("}", len(path))
}
