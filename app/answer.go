package app

import (
	"bytes"
	"encoding/json"
	"time"
)

// envelope is what stands before an answer's body, on a line of its own.
type envelope struct {
	Version  int                 `json:"v"`
	Computed int64               `json:"computed"` // ns since 1970
	Took     time.Duration       `json:"took"`
	Behind   bool                `json:"behind,omitempty"`
	Tag      string              `json:"tag"`
	Size     int                 `json:"size"`
	Header   map[string][]string `json:"header,omitempty"`
}

const envelopeVersion = 1

func encodeAnswer(a Answer) []byte {
	head, err := json.Marshal(envelope{envelopeVersion, a.Computed.UnixNano(), a.Took, a.Behind, a.Tag, len(a.Body), a.Header})
	if err != nil { // texts and numbers always marshal
		return nil
	}
	return append(append(head, '\n'), a.Body...)
}

// decodeAnswer reads what encodeAnswer wrote, and is false for all else.
func decodeAnswer(value []byte) (Answer, bool) {
	head, body, ok := bytes.Cut(value, []byte{'\n'})
	var e envelope
	if !ok || json.Unmarshal(head, &e) != nil || e.Version != envelopeVersion || e.Size != len(body) || e.Tag == "" || e.Took < 0 {
		return Answer{}, false
	}
	return Answer{Body: body, Header: e.Header, Tag: e.Tag, Computed: time.Unix(0, e.Computed), Took: e.Took, Behind: e.Behind}, true
}
