package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var source []byte

// Document is the OpenAPI document, read. Safe for concurrent use.
type Document struct {
	Title, Description string
	Tags               []Tag
	operations         map[string]*Operation // by id
	json               []byte
}

// Tag is a group of operations.
type Tag struct {
	Name, Description string
	Operations        []*Operation
}

// Operation is one method of one path.
type Operation struct {
	ID, Method, Path     string
	Summary, Description string
	Parameters           []*Parameter
	Answers              []string // media types of the answer
}

// Parameter is a parameter of an operation.
type Parameter struct {
	Name, In, Description string
	Required              bool
	Prefix                bool // stands for every parameter whose name begins so
	Schema                *Schema
}

// rawDocument is what is read of openapi.yaml.
type rawDocument struct {
	Info  struct{ Title, Description string }
	Tags  []struct{ Name, Description string }
	Paths map[string]map[string]struct {
		OperationID          string `yaml:"operationId"`
		Tags                 []string
		Summary, Description string
		Parameters           []rawParameter
		Responses            map[string]struct{ Content map[string]any }
	}
	Components struct {
		Parameters map[string]rawParameter
		Schemas    map[string]rawSchema
	}
}

type rawParameter struct {
	Ref                   string `yaml:"$ref"`
	Name, In, Description string
	Required              bool
	Prefix                bool `yaml:"x-prefix"`
	Schema                rawSchema
}

type rawSchema struct {
	Ref       string `yaml:"$ref"`
	Type      string
	Format    string
	Pattern   string
	Enum      []string
	Default   any
	Example   any
	Minimum   *int64
	Maximum   *int64
	MaxLength int `yaml:"maxLength"`
	MaxItems  int `yaml:"maxItems"`
	Items     *rawSchema
}

// Read reads the document. An error is a fault of the document itself.
func Read() (*Document, error) {
	var raw rawDocument
	var whole any
	if err := yaml.Unmarshal(source, &raw); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if err := yaml.Unmarshal(source, &whole); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	d := &Document{Title: raw.Info.Title, Description: raw.Info.Description, operations: map[string]*Operation{}}
	var err error
	if d.json, err = json.Marshal(whole); err != nil {
		return nil, fmt.Errorf("openapi.yaml as JSON: %w", err)
	}
	byTag := map[string][]*Operation{}
	for _, path := range slices.Sorted(maps.Keys(raw.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(raw.Paths[path])) {
			from := raw.Paths[path][method]
			op := &Operation{ID: from.OperationID, Method: strings.ToUpper(method), Path: path, Summary: from.Summary, Description: from.Description}
			for _, p := range from.Parameters {
				parameter, err := raw.parameter(p)
				if err != nil {
					return nil, fmt.Errorf("openapi.yaml: %s: %w", op.ID, err)
				}
				op.Parameters = append(op.Parameters, parameter)
			}
			op.Answers = slices.Sorted(maps.Keys(from.Responses["200"].Content))
			if d.operations[op.ID] != nil || op.ID == "" || len(from.Tags) != 1 {
				return nil, fmt.Errorf("openapi.yaml: %s %s needs an operationId of its own and one tag", op.Method, path)
			}
			d.operations[op.ID] = op
			byTag[from.Tags[0]] = append(byTag[from.Tags[0]], op)
		}
	}
	for _, tag := range raw.Tags {
		d.Tags = append(d.Tags, Tag{tag.Name, tag.Description, byTag[tag.Name]})
	}
	return d, nil
}

// Operations returns all operations.
func (d *Document) Operations() []*Operation {
	return slices.SortedFunc(maps.Values(d.operations), func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
}

// Names returns the names of an operation's query parameters, for messages.
func (o *Operation) Names() []string {
	var names []string
	for _, p := range o.Parameters {
		if p.In != inQuery {
			continue
		}
		name := p.Name
		if p.Prefix {
			name += "NAME"
		}
		names = append(names, name)
	}
	return names
}

const (
	componentParameters = "#/components/parameters/"
	componentSchemas    = "#/components/schemas/"
)

func (r *rawDocument) parameter(p rawParameter) (*Parameter, error) {
	if name, ok := strings.CutPrefix(p.Ref, componentParameters); ok {
		p = r.Components.Parameters[name]
	}
	if p.Name == "" {
		return nil, fmt.Errorf("a parameter has no name (%s)", p.Ref)
	}
	schema, err := r.schema(p.Schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return &Parameter{Name: p.Name, In: p.In, Description: p.Description, Required: p.Required, Prefix: p.Prefix, Schema: schema}, nil
}

func (r *rawDocument) schema(s rawSchema) (*Schema, error) {
	if name, ok := strings.CutPrefix(s.Ref, componentSchemas); ok {
		s = r.Components.Schemas[name]
	}
	return newSchema(s, r.schema)
}
