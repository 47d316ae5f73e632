package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Answer is what was answered to a question, and when it was worked out.
type Answer struct {
	Body     []byte
	Header   map[string][]string // what belongs to the body, such as its type
	Tag      string              // tells bodies apart: for ETag
	Computed time.Time           // when working it out began: what was stored later is not in it
	Took     time.Duration       // to work it out
	Behind   bool                // something that was stored before may not be in it, either: a replica had not got it
}

// age is how long the answer has been there.
func (a Answer) age() time.Duration { return time.Since(a.Computed) - a.Took }

// digest returns what tells bytes from others, in 32 characters.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// Question is what an answer is to.
type Question struct {
	// Key is the same for questions with the same answer.
	Key string
	// Closed tells that what is asked of lies so far back that it hardly
	// changes any more.
	Closed bool
	// Anew wants no answer that is there already, and none that somebody began to
	// work out before: all that was stored when it is asked is in its answer.
	Anew bool
}

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
