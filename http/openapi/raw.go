package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rawDocument is what is read of a document.
type rawDocument struct {
	Info  struct{ Title, Description string }
	Tags  []struct{ Name, Description string }
	Paths map[string]map[string]struct {
		OperationID          string `yaml:"operationId"`
		Tags                 []string
		Summary, Description string
		Parameters           []rawParameter
		RequestBody          rawBody `yaml:"requestBody"`
		Responses            map[string]rawAnswer
	}
	Components struct {
		Parameters    map[string]rawParameter
		Schemas       map[string]rawSchema
		RequestBodies map[string]rawBody `yaml:"requestBodies"`
		Responses     map[string]rawAnswer
	}
}

type rawBody struct {
	Ref     string `yaml:"$ref"`
	Content map[string]struct{ Example any }
}

type rawAnswer struct {
	Ref         string `yaml:"$ref"`
	Description string
	Headers     map[string]any
	Content     map[string]any
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

// operation returns an operation and the tag that it stands under.
func (r *rawDocument) operation(method, path string) (op *Operation, tag string, err error) {
	from := r.Paths[path][method]
	if from.OperationID == "" || len(from.Tags) != 1 {
		return nil, "", errors.New("it needs an operationId of its own and one tag")
	}
	op = &Operation{ID: from.OperationID, Method: strings.ToUpper(method), Path: path, Summary: from.Summary, Description: from.Description}
	for _, p := range from.Parameters {
		parameter, err := r.parameter(p)
		if err != nil {
			return nil, "", err
		}
		op.Parameters = append(op.Parameters, parameter)
	}
	op.Takes, err = r.bodies(from.RequestBody)
	op.Answers = r.answers(from.Responses)
	return op, from.Tags[0], err
}

const (
	componentParameters = "#/components/parameters/"
	componentSchemas    = "#/components/schemas/"
	componentBodies     = "#/components/requestBodies/"
	componentResponses  = "#/components/responses/"
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

// bodies returns what an operation takes.
func (r *rawDocument) bodies(b rawBody) ([]Body, error) {
	if name, ok := strings.CutPrefix(b.Ref, componentBodies); ok {
		b = r.Components.RequestBodies[name]
	}
	var bodies []Body
	for _, contentType := range slices.Sorted(maps.Keys(b.Content)) {
		body := Body{Type: contentType}
		switch example := b.Content[contentType].Example.(type) {
		case nil:
		case string:
			body.Example = example
		default:
			text, err := json.Marshal(example)
			if err != nil {
				return nil, err
			}
			body.Example = string(text)
		}
		bodies = append(bodies, body)
	}
	return bodies, nil
}

// answers returns what an operation answers, by status, "default" last.
func (r *rawDocument) answers(raw map[string]rawAnswer) []Answer {
	var answers []Answer
	for _, status := range slices.Sorted(maps.Keys(raw)) {
		a := raw[status]
		if name, ok := strings.CutPrefix(a.Ref, componentResponses); ok {
			a = r.Components.Responses[name]
		}
		answers = append(answers, Answer{
			Status: status, Description: a.Description,
			Types: slices.Sorted(maps.Keys(a.Content)), Headers: slices.Sorted(maps.Keys(a.Headers)),
		})
	}
	return answers
}
