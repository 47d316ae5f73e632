package ui

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// defaultFrom is the range of a search that names none.
const defaultFrom = "-1h"

// preset is a range of time that is one click away.
type preset struct {
	From, Label string
	Address     string
	Chosen      bool
}

var presets = []preset{
	{From: "-5m", Label: "Last 5 minutes"}, {From: "-15m", Label: "Last 15 minutes"}, {From: "-1h", Label: "Last hour"},
	{From: "-6h", Label: "Last 6 hours"}, {From: "-24h", Label: "Last 24 hours"}, {From: "-7d", Label: "Last 7 days"}, {From: "-30d", Label: "Last 30 days"},
}

// timeRange is the range of a search as it is shown.
type timeRange struct {
	Label      string
	Presets    []preset
	Start, End string // for a browser's fields: UTC, without zone
}

func rangeOf(a address, now time.Time) timeRange {
	from, to := a.get(paramFrom), a.get(paramTo)
	r := timeRange{Label: sayRange(from, to)}
	for _, p := range presets {
		p.Address = a.without(paramTo, paramCursor).with(paramFrom, p.From).String()
		if p.Chosen = p.From == from && to == ""; p.Chosen {
			r.Label = p.Label
		}
		r.Presets = append(r.Presets, p)
	}
	if t, err := time.Parse(time.RFC3339Nano, from); err == nil {
		r.Start = t.UTC().Format(fieldForm)
	}
	r.End = now.UTC().Format(fieldForm)
	if t, err := time.Parse(time.RFC3339Nano, to); err == nil {
		r.End = t.UTC().Format(fieldForm)
	}
	return r
}

// fieldForm is how a browser's field for a time is filled.
const fieldForm = "2006-01-02T15:04:05"

// fieldForms are how such a field is sent.
var fieldForms = []string{fieldForm, "2006-01-02T15:04", "2006-01-02T15:04:05.999"}

// readField reads what such a field sends, as UTC. What is none is passed on, for
// the API to say what is wrong.
func readField(text string) string {
	for _, form := range fieldForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.Format(time.RFC3339Nano)
		}
	}
	return text
}

func sayRange(from, to string) string {
	switch {
	case from != "" && to != "":
		return sayMoment(from) + " – " + sayMoment(to)
	case to != "":
		return "Until " + sayMoment(to)
	default:
		return "Since " + sayMoment(from)
	}
}

// sayMoment says a parameter's time; what is relative stays as it is.
func sayMoment(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

// canonical turns what forms send into the parameters of an address, and takes
// out that it is live where it cannot be. changed tells whether there was
// anything.
func canonical(given url.Values) (a address, changed bool) {
	a = address(given).clone()
	if _, typed := given[paramFind]; typed {
		changed = true
		found := readBox(a.get(paramFind))
		a = a.without(paramFind, paramCursor)
		for name, values := range found {
			for _, value := range values {
				a = a.adding(name, value)
			}
		}
	}
	for field, parameter := range map[string]string{paramStart: paramFrom, paramEnd: paramTo} {
		if _, sent := given[field]; !sent {
			continue
		}
		changed = true
		value := readField(a.get(field))
		if a = a.without(field, parameter, paramCursor); value != "" {
			a = a.with(parameter, value)
		}
	}
	if given.Has(paramLive) && !a.isLive() {
		a, changed = a.without(paramLive), true
	}
	return a, changed
}

// group writes a count with thin spaces between its thousands.
func group(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:]
	}
	return digits
}

// many writes how many there are of something: "1 log", "2 logs".
func many(n any, word string) (string, error) {
	number, err := strconv.ParseInt(fmt.Sprint(n), 10, 64)
	if err != nil {
		return "", err
	}
	if number != 1 {
		word += "s"
	}
	return group(number) + " " + word, nil
}
