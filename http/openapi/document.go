package openapi

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var gateway []byte

// Document is an OpenAPI document, read. Safe for concurrent use.
type Document struct {
	Title, Description string
	Tags               []Tag
	operations         map[string]*Operation // by id
	yaml, json         []byte
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
	Takes                []Body   // what a request may hold; none when it holds nothing
	Answers              []Answer // by status
}

// Body is one of the forms of what a request holds.
type Body struct {
	Type    string // media type
	Example string // may be empty
}

// Answer is one of the answers of an operation.
type Answer struct {
	Status         string // three digits, or "default": any other
	Description    string
	Types, Headers []string // media types; names of headers
}

// Parameter is a parameter of an operation.
type Parameter struct {
	Name, In, Description string
	Required              bool
	Prefix                bool // stands for every parameter whose name begins so
	Schema                *Schema
}

// Read reads the gateway's document. An error is a fault of the document itself.
func Read() (*Document, error) { return read(gateway) }

// ReadOf reads the document of another server. What it refers to among its
// components and does not have is the gateway's, so that what all servers have in
// common is written once. An error is a fault of the document itself.
func ReadOf(source []byte) (*Document, error) {
	whole, err := completed(source, gateway)
	if err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	return read(whole)
}

func read(source []byte) (*Document, error) {
	var raw rawDocument
	var whole any
	if err := errors.Join(yaml.Unmarshal(source, &raw), yaml.Unmarshal(source, &whole)); err != nil {
		return nil, fmt.Errorf("the OpenAPI document: %w", err)
	}
	d := &Document{Title: raw.Info.Title, Description: raw.Info.Description, operations: map[string]*Operation{}, yaml: source}
	var err error
	if d.json, err = json.Marshal(whole); err != nil {
		return nil, fmt.Errorf("the OpenAPI document as JSON: %w", err)
	}
	byTag := map[string][]*Operation{}
	for _, path := range slices.Sorted(maps.Keys(raw.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(raw.Paths[path])) {
			op, tag, err := raw.operation(method, path)
			if err != nil {
				return nil, fmt.Errorf("the OpenAPI document: %s %s: %w", method, path, err)
			}
			if d.operations[op.ID] != nil {
				return nil, fmt.Errorf("the OpenAPI document: there are two operations %s", op.ID)
			}
			d.operations[op.ID] = op
			byTag[tag] = append(byTag[tag], op)
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
