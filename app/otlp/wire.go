package otlp

import (
	"encoding/binary"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"millrace/app"
)

// maxDepth is how deep the values of attributes and bodies may nest. Codecs of
// other languages stop at 100 messages, and a value takes up to three.
const maxDepth = 64

// fields walks the fields of one protobuf message without decoding them.
//
//	f := fields{buf: message}
//	for f.next() { … }
//	if f.broken { … }
//
// It takes what every OTLP writer makes: groups, which proto3 does not have,
// count as broken.
type fields struct {
	buf    []byte
	pos    int // behind the current field
	start  int // of the current field, at its tag
	num    protowire.Number
	typ    protowire.Type
	bytes  []byte // content, when typ is BytesType
	number uint64 // value, for the other types
	broken bool
}

// next moves to the next field. It returns false at the end and when the
// message is broken.
func (f *fields) next() bool {
	if f.pos >= len(f.buf) || f.broken {
		return false
	}
	f.start = f.pos
	tag := f.varint()
	f.num, f.typ = protowire.Number(tag>>3), protowire.Type(tag&7)
	if tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
		f.broken = true
	}
	switch f.typ {
	case protowire.BytesType:
		size := f.varint()
		if rest := uint64(len(f.buf) - f.pos); size > rest {
			f.broken = true
			return false
		}
		f.bytes = f.buf[f.pos : f.pos+int(size)]
		f.pos += int(size)
	case protowire.VarintType:
		f.number = f.varint()
	case protowire.Fixed64Type:
		if len(f.buf)-f.pos < 8 {
			f.broken = true
			return false
		}
		f.number = binary.LittleEndian.Uint64(f.buf[f.pos:])
		f.pos += 8
	case protowire.Fixed32Type:
		if len(f.buf)-f.pos < 4 {
			f.broken = true
			return false
		}
		f.number = uint64(binary.LittleEndian.Uint32(f.buf[f.pos:]))
		f.pos += 4
	default:
		f.broken = true
	}
	return !f.broken
}

// varint reads a varint at pos. Most are one or two bytes.
func (f *fields) varint() uint64 {
	if f.pos < len(f.buf) {
		if b := f.buf[f.pos]; b < 0x80 {
			f.pos++
			return uint64(b)
		}
	}
	v, n := protowire.ConsumeVarint(f.buf[f.pos:])
	if n < 0 {
		f.broken = true
		return 0
	}
	f.pos += n
	return v
}

// raw returns the current field with its tag.
func (f *fields) raw() []byte { return f.buf[f.start:f.pos] }

// is tells whether the current field is a string, bytes or message with a
// number. A known number with another type is an unknown field, as for every
// protobuf reader.
func (f *fields) is(num protowire.Number) bool {
	return f.num == num && f.typ == protowire.BytesType
}

// sizeVarint returns the number of bytes of v as a varint.
func sizeVarint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendBytes appends a field of strings, bytes or a message.
func appendBytes[T string | []byte](dst []byte, num protowire.Number, content T) []byte {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(len(content)))
	return append(dst, content...)
}

func appendNumber(dst []byte, num protowire.Number, v uint64) []byte {
	dst = protowire.AppendTag(dst, num, protowire.VarintType)
	return protowire.AppendVarint(dst, v)
}

func appendFixed64(dst []byte, num protowire.Number, v uint64) []byte {
	dst = protowire.AppendTag(dst, num, protowire.Fixed64Type)
	return protowire.AppendFixed64(dst, v)
}

// open begins a message field whose length is not known yet. What is appended
// until shut belongs to it.
func open(dst []byte, num protowire.Number) (grown []byte, mark int) {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return append(dst, 0), len(dst) + 1
}

// shut ends the message that open began: it writes the length in front and,
// when that takes more than one byte, moves the content to make room.
func shut(dst []byte, mark int) []byte {
	size := len(dst) - mark
	if size < 0x80 {
		dst[mark-1] = byte(size)
		return dst
	}
	more := sizeVarint(uint64(size)) - 1
	var room [9]byte
	dst = append(dst, room[:more]...)
	copy(dst[mark+more:], dst[mark:mark+size])
	protowire.AppendVarint(dst[:mark-1], uint64(size))
	return dst
}

func errBroken(what string) error {
	return app.Errorf(app.KindInvalid, "the bytes are no OTLP logs request: %s: send an ExportLogsServiceRequest in protobuf", what)
}
