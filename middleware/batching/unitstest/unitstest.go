// Package unitstest has messages that stand for many things, for tests of the
// batching publisher: a payload is units, each with a ";" behind it.
package unitstest

import (
	"bytes"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Count counts a message's units, as batching.Config.Count has it.
func Count(m *message.Message) (int, error) { return bytes.Count(m.Payload, []byte(";")), nil }

// Split cuts a message between two units, as batching.Config.Split has it.
func Split(m *message.Message, maxUnits, maxBytes int) (head, tail *message.Message, n int, err error) {
	at := 0
	for n < maxUnits {
		i := bytes.IndexByte(m.Payload[at:], ';')
		if i < 0 || at+i+1 > maxBytes {
			break
		}
		at += i + 1
		n++
	}
	if n == 0 {
		return nil, m, 0, nil
	}
	head, tail = m.Copy(), m.Copy()
	head.Payload, tail.Payload = m.Payload[:at], m.Payload[at:]
	if at == len(m.Payload) {
		tail = nil
	}
	return head, tail, n, nil
}
