package app

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// Positions are places in a topic: of each partition, the offset of the record
// that comes next.
type Positions map[int32]int64

// TailPlace is a place in the stream of logs: behind all records before its
// positions, and behind so many logs of one record more. It is what a client
// comes back with. The zero TailPlace is none.
type TailPlace struct {
	Positions Positions
	// Partition has, at its position, a record of which Seen logs were seen;
	// with 0 there is none.
	Partition int32
	Seen      int
}

// upTo returns the place without what lies beyond the ends of a topic: where that
// never came to is of another topic of its name.
func (p TailPlace) upTo(ends Positions) TailPlace {
	p.Positions = maps.Clone(p.Positions)
	maps.DeleteFunc(p.Positions, func(partition int32, offset int64) bool { return offset > ends[partition] })
	if _, known := p.Positions[p.Partition]; !known {
		p.Seen = 0
	}
	return p
}

const (
	placeVersion = 1
	// maxPartitions is the most partitions that a place may tell of.
	maxPartitions = 10_000
)

// String returns the place as text that is safe in headers and URLs.
func (p TailPlace) String() string {
	b := []byte{placeVersion}
	b = binary.AppendUvarint(b, uint64(len(p.Positions)))
	before := int64(-1)
	for _, partition := range slices.Sorted(maps.Keys(p.Positions)) {
		b = binary.AppendUvarint(b, uint64(int64(partition)-before-1))
		b = binary.AppendUvarint(b, uint64(p.Positions[partition]))
		before = int64(partition)
	}
	b = binary.AppendUvarint(b, uint64(p.Seen))
	if p.Seen > 0 {
		b = binary.AppendUvarint(b, uint64(p.Partition))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseTailPlace reads what String wrote. Anything else is an Error of
// KindInvalid for the field.
func ParseTailPlace(text, field string) (TailPlace, error) {
	wrong := &Error{Kind: KindInvalid, Field: field, Message: field + " is none that this server gave: use the id of an event as it is, or leave it out"}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || b[0] != placeVersion {
		return TailPlace{}, wrong
	}
	r := placeReader{rest: b[1:]}
	count := r.number(maxPartitions)
	p := TailPlace{Positions: Positions{}}
	before := int64(-1)
	for range count {
		partition := before + 1 + int64(r.number(math.MaxInt32))
		offset := r.number(math.MaxInt64)
		if r.broken || partition > math.MaxInt32 {
			return TailPlace{}, wrong
		}
		p.Positions[int32(partition)], before = int64(offset), partition
	}
	if p.Seen = int(r.number(MaxBatchCount)); p.Seen > 0 {
		p.Partition = int32(r.number(math.MaxInt32))
		_, known := p.Positions[p.Partition]
		r.broken = r.broken || !known
	}
	if r.broken || len(r.rest) > 0 || p.String() != text {
		return TailPlace{}, wrong
	}
	return p, nil
}

type placeReader struct {
	rest   []byte
	broken bool
}

func (r *placeReader) number(limit uint64) uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > limit {
		r.broken = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}
