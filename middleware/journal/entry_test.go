package journal

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// FuzzEntry: any bytes are an entry or ErrCorrupt, never a panic; what is an
// entry encodes to the same bytes; and what is encoded decodes to the same.
func FuzzEntry(f *testing.F) {
	e := &entry{first: 7, acked: position{2, 5}, seals: []entrySeal{{2, 6, 3, 99}},
		records: []Record{{Units: 3, Head: []byte("head"), Body: []byte("body"), TakenAt: time.Unix(0, 42)}}}
	f.Add(e.append(nil), 3, []byte("head"), []byte("body"))
	f.Add((&entry{}).append(nil), 1, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, b []byte, units int, head, body []byte) {
		if decoded, err := decodeEntry(b); err == nil && !bytes.Equal(decoded.append(nil), b) {
			t.Errorf("%x decodes, and encodes to %x", b, decoded.append(nil))
		}
		if units < 1 || units > 1<<31 || len(head)+len(body) > 1<<20 {
			return
		}
		want := &entry{first: 1, records: []Record{{Units: units, Head: head, Body: body, First: 1, TakenAt: time.Unix(0, 5)}}}
		got, err := decodeEntry(want.append(nil))
		if err != nil || !bytes.Equal(got.records[0].Head, head) || !bytes.Equal(got.records[0].Body, body) || got.records[0].Units != units {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

func TestAnEntryIsTheSameBackAndForth(t *testing.T) {
	want := &entry{first: 7, acked: position{2, 5}, seals: []entrySeal{{2, 6, 3, 99}}, records: []Record{
		{Units: 3, Head: []byte("head"), Body: []byte("body"), First: 7, TakenAt: time.Unix(0, 42)},
		{Units: 1, Head: []byte{}, Body: []byte("b"), First: 10, TakenAt: time.Unix(0, 43)},
	}}
	b := want.append(nil)
	if len(b) != want.size() {
		t.Errorf("%d bytes, size says %d", len(b), want.size())
	}
	got, err := decodeEntry(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for i := range b {
		b[i] ^= 0x10
		if _, err := decodeEntry(b); err == nil {
			t.Errorf("a flipped bit of byte %d was not noticed", i)
		}
		b[i] ^= 0x10
	}
}
