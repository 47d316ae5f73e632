package batching

import (
	"maps"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
)

// FuzzHead: any bytes are decoded, without a panic; and what is encoded comes
// back as it was, though texts hold any bytes.
func FuzzHead(f *testing.F) {
	f.Add([]byte{}, "id", "key", "value")
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "", "", "")
	f.Add(encodeHead(&message.Message{UUID: "id", Metadata: message.Metadata{"count": "3"}}), "\xff", "a\x00", "é")
	f.Fuzz(func(t *testing.T, b []byte, id, key, value string) {
		decodeHead(b)
		want := &message.Message{UUID: id, Metadata: message.Metadata{key: value, "count": "1"}}
		got := decodeHead(encodeHead(want))
		if got.UUID != want.UUID || !maps.Equal(got.Metadata, want.Metadata) {
			t.Errorf("%q %q came back as %q %q", want.UUID, want.Metadata, got.UUID, got.Metadata)
		}
	})
}
