package ui

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"millrace/app"
)

const (
	// maxMessage is how much of a message a page shows, in bytes: the whole is
	// one click away.
	maxMessage = 4 << 10
	maxField   = 1 << 10
	maxFields  = 200
)

// span is an app.Span with the classes of its style.
type span struct {
	Text  string `json:"t"`
	Class string `json:"c,omitempty"`
}

// spansOf returns the first limit bytes of a text, and how many are left.
func spansOf(text string, limit int) (spans []span, cut int) {
	if limit > 0 && len(text) > limit {
		end := limit
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		cut, text = len(text)-end, text[:end]
	}
	for _, s := range app.Spans(text) {
		spans = append(spans, span{s.Text, classOf(s)})
	}
	return spans, cut
}

func classOf(s app.Span) string {
	if s.Control {
		return "control"
	}
	names := s.Style.Names()
	if names == "" {
		return ""
	}
	return "ansi-" + strings.ReplaceAll(names, " ", " ansi-")
}

// row is a log as it is shown.
type row struct {
	ID      string  `json:"id"`   // of a log that is not stored yet, the one it came with
	Live    string  `json:"live"` // the one that it came with
	Time    string  `json:"time"` // RFC 3339
	Day     string  `json:"day"`
	Clock   string  `json:"clock"`
	Level   string  `json:"level"`
	Grade   string  `json:"grade"` // the level's class
	Service []span  `json:"service"`
	Host    []span  `json:"host"`
	Message []span  `json:"message"`
	Cut     int     `json:"cut,omitempty"` // bytes of the message that are not shown
	Fields  []field `json:"fields"`
	More    int     `json:"more,omitempty"` // fields that are not shown
	Around  string  `json:"around"`         // the address of its context
	Chosen  bool    `json:"-"`              // it is the one whose context this is
}

// field is one line of an unfolded log.
type field struct {
	Name  []span `json:"name"`
	Value []span `json:"value"`
	Cut   int    `json:"cut,omitempty"`
	Raw   string `json:"raw"`            // to be copied
	In    string `json:"in,omitempty"`   // the address with it as a filter; empty: it can be none
	Out   string `json:"out,omitempty"`  // the same, excluding
	Link  string `json:"link,omitempty"` // a page of ours about it
}

const clockForm = "15:04:05.000"

// rowOf shows a log beside an address, to which its filters are added. whole is
// without limit.
func rowOf(log app.Log, at address, whole bool) row {
	limit := maxMessage
	if whole {
		limit = 0
	}
	when := log.Time.UTC()
	r := row{
		ID: log.ID.String(), Time: when.Format(time.RFC3339Nano), Day: when.Format(time.DateOnly), Clock: when.Format(clockForm),
		Level: log.Level.String(), Grade: gradeOf(log.Level.String()),
	}
	live, named := log.LiveID()
	if named {
		r.Live = live.String()
	}
	if log.ID == 0 { // it is not stored yet
		r.ID = r.Live
	}
	if r.ID != "" {
		if r.Around = "/logs/" + url.PathEscape(r.ID); len(at) > 0 {
			r.Around += at.String()[1:]
		}
	}
	r.Service, _ = spansOf(log.Service, maxField)
	r.Host, _ = spansOf(log.Host, maxField)
	r.Message, r.Cut = spansOf(log.Message, limit)
	f := fielder{at: at, limit: limit}
	f.add("time", r.Time)
	f.filter("level", r.Level, "level", r.Level)
	f.filter("service", log.Service, "service", log.Service)
	f.filter("host", log.Host, "host", log.Host)
	f.filter("trace", log.TraceID, paramTrace, log.TraceID)
	f.add("span", log.SpanID)
	f.attributes("", log.Attributes)
	f.add("received", received(log))
	f.add("id", r.ID)
	f.add("batch", log.BatchID)
	if log.BatchID != "" && len(f.fields) > 0 {
		f.fields[len(f.fields)-1].Link = "/batches/" + log.BatchID
	}
	r.Fields, r.More = f.fields, f.more
	return r
}

func received(log app.Log) string {
	if log.ReceivedAt.IsZero() {
		return ""
	}
	return log.ReceivedAt.UTC().Format(time.RFC3339Nano)
}

var grades = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// gradeOf returns the class of a level's name.
func gradeOf(level string) string {
	if grade := strings.ToLower(level); slices.Contains(grades, grade) {
		return grade
	}
	return "none"
}

// fielder collects fields. What is empty is none.
type fielder struct {
	at     address
	limit  int
	fields []field
	more   int
}

func (f *fielder) add(name, value string) *field {
	if value == "" {
		return nil
	}
	if len(f.fields) >= maxFields {
		f.more++
		return nil
	}
	limit := maxField
	if f.limit == 0 {
		limit = 0
	}
	var one field
	one.Name, _ = spansOf(name, maxField)
	one.Value, one.Cut = spansOf(value, limit)
	if one.Raw = value; one.Cut > 0 {
		one.Raw = ""
	}
	f.fields = append(f.fields, one)
	return &f.fields[len(f.fields)-1]
}

func (f *fielder) filter(name, value, parameter, wanted string) {
	one := f.add(name, value)
	if one == nil || len(wanted) > maxField || !utf8.ValidString(wanted) {
		return
	}
	one.In = f.at.adding(parameter, wanted).String()
	one.Out = f.at.adding(parameter+negated, wanted).String()
}

// attributes adds those of a JSON object, nested ones by names with dots.
func (f *fielder) attributes(prefix string, object json.RawMessage) {
	if len(object) == 0 {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return
		}
		f.attribute(prefix+name.(string), value)
	}
}

func (f *fielder) attribute(name string, value json.RawMessage) {
	if len(value) > 2 && value[0] == '{' && strings.Count(name, ".") < maxNested {
		f.attributes(name+".", value)
		return
	}
	text := string(value)
	if value[0] == '"' {
		if err := json.Unmarshal(value, &text); err != nil {
			return
		}
		if text == "" { // which can be no filter
			f.add(name, `""`)
			return
		}
	}
	if value[0] == '{' || value[0] == '[' || !isFilterName(name) {
		f.add(name, text)
		return
	}
	f.filter(name, text, paramAttr+name, text)
}

const (
	maxNested     = 5   // dots in the name of an attribute that can be a filter
	maxFilterName = 200 // bytes of it
)

func isFilterName(name string) bool {
	return name != "" && len(name) <= maxFilterName && strings.Count(name, ".") <= maxNested && !strings.HasSuffix(name, negated) && utf8.ValidString(name)
}

// blankRow and blankField have all parts that rows and fields may have, for the
// script to fill in.
func blankRow() row { return row{More: 1, Around: "/"} }

func blankField() field { return field{Cut: 1, Raw: " ", In: "/", Out: "/", Link: "/"} }

// plain is the text of spans alone, as for a label.
func plain(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}
