package ui

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// address is an address of the search page: the parameters of /api/logs, and
// what only the page knows. It is never changed, only copied.
type address url.Values

// Parameters of the page alone.
const (
	paramFind   = "find"   // what was typed; becomes filters at once
	paramStart  = "start"  // an absolute time as a browser's field writes it
	paramEnd    = "end"    // the same
	paramLive   = "live"   // 1: logs as they come
	paramAround = "around" // how many logs of a context, on each side
)

// notNewest are parameters of a page that does not begin with the newest logs,
// and so cannot go on with those that come.
var notNewest = []string{paramCursor, paramOrder, paramTo}

// notFilters are parameters that choose what is shown of what the filters want.
var notFilters = []string{paramFrom, paramTo, paramCursor, paramOrder, paramLimit, paramLive, paramFind, paramStart, paramEnd}

func (a address) clone() address {
	out := make(address, len(a))
	for name, values := range a {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" }); len(values) > 0 {
			out[name] = values
		}
	}
	return out
}

func (a address) get(name string) string { return url.Values(a).Get(name) }

// String returns the address of the page.
func (a address) String() string {
	if len(a) == 0 {
		return "/"
	}
	return "/?" + url.Values(a).Encode()
}

// with returns the address with a parameter in place of what it was.
func (a address) with(name, value string) address {
	out := a.clone()
	out[name] = []string{value}
	return out
}

// without returns the address without parameters.
func (a address) without(names ...string) address {
	out := a.clone()
	for _, name := range names {
		delete(out, name)
	}
	return out
}

// adding returns the address with one more filter, on its first page. What it
// contradicts goes.
func (a address) adding(name, value string) address {
	out := a.dropping(opposite(name), value)
	if name == paramMinLevel {
		delete(out, name)
	}
	if !slices.Contains(out[name], value) {
		out[name] = append(out[name], value)
	}
	return out
}

// dropping returns the address without a filter, on its first page.
func (a address) dropping(name, value string) address {
	out := a.without(paramCursor)
	out[name] = slices.DeleteFunc(out[name], func(v string) bool { return v == value })
	if len(out[name]) == 0 {
		delete(out, name)
	}
	return out
}

// isLive tells whether the page goes on with logs as they come.
func (a address) isLive() bool {
	return a.get(paramLive) == "1" && a.get(paramCursor) == "" && a.get(paramTo) == "" && a.get(paramOrder) != oldest
}

// filters returns the parameters that are filters.
func (a address) filters() address { return a.without(notFilters...) }

// values are the parameters for the API.
func (a address) values() url.Values {
	return url.Values(a.without(paramLive, paramFind, paramStart, paramEnd))
}

func opposite(name string) string {
	if positive, ok := strings.CutSuffix(name, negated); ok {
		return positive
	}
	return name + negated
}

// chip is one filter as it is shown.
type chip struct {
	Name, Value string
	Not         bool
	Flip        string // the address with the opposite; empty: there is none
	Drop        string // the address without it
}

// chips returns the filters, the fields first.
func (a address) chips() []chip {
	filters := a.filters()
	names := slices.SortedFunc(maps.Keys(filters), func(x, y string) int {
		return strings.Compare(chipOrder(x)+x, chipOrder(y)+y)
	})
	var chips []chip
	for _, name := range names {
		positive, not := strings.CutSuffix(name, negated)
		for _, value := range filters[name] {
			c := chip{Name: positive, Value: value, Not: not, Drop: a.dropping(name, value).String()}
			if positive != paramMinLevel {
				c.Flip = a.dropping(name, value).adding(opposite(name), value).String()
			}
			chips = append(chips, c)
		}
	}
	return chips
}

func chipOrder(name string) string {
	switch strings.TrimSuffix(name, negated) {
	case "service", "level", paramMinLevel, "host":
		return "0"
	case paramText, "q", "regex":
		return "2"
	default:
		return "1"
	}
}

// Sign is how the chip's name and value belong together.
func (c chip) Sign() string {
	switch {
	case c.Name == paramMinLevel:
		return "≥"
	case c.Not:
		return "≠"
	default:
		return "="
	}
}

// Label is the name as people say it.
func (c chip) Label() string {
	switch c.Name {
	case paramMinLevel:
		return "level"
	case paramTrace:
		return "trace"
	case "q":
		return paramText
	default:
		return c.Name
	}
}

// keys returns the names of an address's parameters, in order.
func keys(a address) []string { return slices.Sorted(maps.Keys(a)) }
