package otlp

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Count returns the number of logs in a payload. It walks every message down
// to the last nested value without decoding one, so that a payload it accepts
// can be joined to others and read to the end; bytes that are no request,
// values nested deeper than 64, and a resource or scope of more than 64 KiB are
// an error of app.KindInvalid. It takes time in proportion to len(payload) and
// allocates nothing.
func Count(payload []byte) (int, error) {
	c := counter{}
	if !c.walk(payload, shapeRequest, 0) {
		return 0, errBroken(c.wrong(len(payload)))
	}
	return c.logs, nil
}

// maxShared is the largest resource or scope in bytes. Each log gets what its
// resource says, so that one of some hundred kilobytes would grow, over a
// batch, to as many megabytes.
const maxShared = 64 << 10

type counter struct {
	logs     int
	tooDeep  bool
	tooLarge bool // a resource or scope
}

// walk tells whether a message and all in it can be read. It does the same as
// fields, without keeping what it sees: this is the intake's inner loop.
func (c *counter) walk(b []byte, s shape, depth int) bool {
	switch s {
	case shapeRecord:
		c.logs++
	case shapeValue:
		if depth++; depth > maxDepth {
			c.tooDeep = true
			return false
		}
	}
	for len(b) > 0 {
		tag, n := varint(b)
		if num := tag >> 3; n < 0 || num == 0 || num > uint64(protowire.MaxValidNumber) {
			return false
		}
		b = b[n:]
		switch protowire.Type(tag & 7) {
		case protowire.BytesType:
			size, n := varint(b)
			if n < 0 || size > uint64(len(b)-n) {
				return false
			}
			end := n + int(size)
			if tag>>3 < 16 {
				in := inner[s][tag>>3]
				if size > maxShared && (in == shapeResource || in == shapeScope) {
					c.tooLarge = true
					return false
				}
				if in != shapeNone && !c.walk(b[n:end], in, depth) {
					return false
				}
			}
			b = b[end:]
			continue
		case protowire.VarintType:
			_, n = varint(b)
		case protowire.Fixed64Type:
			n = 8
		case protowire.Fixed32Type:
			n = 4
		default:
			return false
		}
		if n < 0 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// varint is protowire.ConsumeVarint, made to be inlined for one byte.
func varint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return protowire.ConsumeVarint(b)
}

func (c *counter) wrong(size int) string {
	if c.tooDeep {
		return fmt.Sprintf("a value is nested deeper than %d", maxDepth)
	}
	if c.tooLarge {
		return fmt.Sprintf("a resource or scope is larger than %d bytes", maxShared)
	}
	return fmt.Sprintf("of its %d bytes, some are cut off, or are no protobuf (near log %d)", size, c.logs)
}
