package openapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Nulls notes each null in a JSON body, by the way to it, such as "filter.from" or
// "ids.0": for encoding/json it is as if the member were not there, or 0, and
// nobody means that. What is no JSON is for the body's reader to refuse.
func (w *Wrong) Nulls(body []byte) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	w.nulls(decoder, "")
}

// nulls reads one value. It returns false when there is none.
func (w *Wrong) nulls(decoder *json.Decoder, path string) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch token {
	case nil:
		if path != "" {
			w.Add(path, "%s is null: leave it out, or give it a value", shown(path))
		}
		return true
	case json.Delim('['):
		for i := 0; decoder.More(); i++ {
			if !w.nulls(decoder, below(strconv.Itoa(i))) {
				return false
			}
		}
	case json.Delim('{'):
		for decoder.More() {
			name, err := decoder.Token()
			text, isName := name.(string)
			if err != nil || !isName || !w.nulls(decoder, below(text)) {
				return false
			}
		}
	default:
		return true
	}
	_, err = decoder.Token() // what closes it
	return err == nil
}
