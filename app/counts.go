package app

import (
	"strings"
	"time"
)

// Field names what logs are counted by: FieldLevel, FieldService, FieldHost, or
// an attribute as "attr.NAME"; see AttributeFilter. Empty is none.
type Field string

// The fields that are not attributes.
const (
	FieldLevel   Field = "level"
	FieldService Field = "service"
	FieldHost    Field = "host"
)

const attributePrefix = "attr."

// maxFieldName is the longest name of an attribute that logs are counted by.
const maxFieldName = 200

// Attribute returns the attribute's name, and whether the field is one.
func (f Field) Attribute() (name string, ok bool) {
	return strings.CutPrefix(string(f), attributePrefix)
}

// Known tells whether the field is one to count by.
func (f Field) Known() bool {
	if name, ok := f.Attribute(); ok {
		return name != "" && len(name) <= maxFieldName && strings.Count(name, ".") <= MaxAttributeDots
	}
	return f == FieldLevel || f == FieldService || f == FieldHost
}

// Limits of what is counted.
const (
	MaxBuckets = 2000 // of a histogram
	MaxValues  = 20   // of a histogram's field
	MaxFacets  = 5    // fields of one question
)

// ValueCount is how many logs have a value.
type ValueCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// HistogramQuery asks for counts over time. From and To of the filter are set,
// and a multiple of Step from 1970 on.
type HistogramQuery struct {
	Filter
	Step time.Duration // whole seconds
	By   Field         // or empty
}

// Histogram is counts over time: every bucket from From to To, also those
// without logs.
type Histogram struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Step    int64     `json:"step"` // seconds
	By      Field     `json:"by"`
	Total   int64     `json:"total"`
	Values  []string  `json:"values"` // MaxValues of them, the most frequent first; levels by severity
	Buckets []Bucket  `json:"buckets"`
}

// Bucket is one step of a Histogram.
type Bucket struct {
	Time   time.Time        `json:"time"`
	Count  int64            `json:"count"`
	Counts map[string]int64 `json:"counts,omitempty"` // of the Histogram's Values
}

// FacetQuery asks for the most frequent values of fields. From and To of the
// filter are set.
type FacetQuery struct {
	Filter
	Fields []Field
	Limit  int // values of each
}

// Facets are the most frequent values of fields.
type Facets struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Total  int64     `json:"total"`
	Facets []Facet   `json:"facets"`
}

// Facet is one field's: Total = the Values' counts + Other + Missing.
type Facet struct {
	Field   Field        `json:"field"`
	Values  []ValueCount `json:"values"`  // the most frequent first
	Other   int64        `json:"other"`   // logs with values that are not listed
	Missing int64        `json:"missing"` // logs without the attribute
}

// StatsQuery asks for figures. From and To of the filter are set.
type StatsQuery struct {
	Filter
	By       Field // makes the groups; or empty
	Distinct Field // whose different values are counted; or empty
	Limit    int   // groups
}

// Stats are figures over a range.
type Stats struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Count    int64     `json:"count"`
	Rate     float64   `json:"rate"` // logs a second
	Distinct *int64    `json:"distinct,omitempty"`
	Groups   []Group   `json:"groups"` // the largest first
}

// Group is the logs that have one value of a field.
type Group struct {
	Value    string  `json:"value"`
	Count    int64   `json:"count"`
	Rate     float64 `json:"rate"`
	Distinct *int64  `json:"distinct,omitempty"`
}
