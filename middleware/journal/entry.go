package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// An entry is a group of records as they lie in the log, all numbers
// little-endian:
//
//	magic   4  "mlr1"
//	crc     4  CRC-32C of everything behind it
//	size    4  bytes of the whole entry
//	records 4  how many follow
//	first   8  number of the first unit of the first record
//	acked   4+8  generation and number of the last unit acknowledged by then
//	seals   4  how many follow
//	  generation 4, first 8, count 4, sealed at 8 (Unix nanoseconds)
//	records: units 4, taken at 8, length of head 4, of body 4, head, body
//
// An entry may be without records: it then only tells what is acknowledged and
// sealed. Each entry tells all of that, so the last one alone says where to go
// on.
const (
	entryMagic = 0x31726c6d // "mlr1"
	fixedSize  = 4 + 4 + 4 + 4 + 8 + 4 + 8 + 4
	sealSize   = 4 + 8 + 4 + 8
	recordSize = 4 + 8 + 4 + 4
)

// maxEntry bounds an entry in bytes; raft-wal takes up to 64 MiB.
const maxEntry = 48 << 20

// MaxRecord is how large a record may be: Head, Body and some bytes.
const MaxRecord = 32 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// position is a unit's place in all that was ever taken.
type position struct {
	generation uint32
	number     uint64 // in the generation's sequence, from 1; 0 is before the first
}

func (p position) before(q position) bool {
	return p.generation < q.generation || p.generation == q.generation && p.number < q.number
}

// within returns how many units of a generation lie up to p.
func (p position) within(generation uint32) uint64 {
	switch {
	case generation < p.generation:
		return math.MaxUint64 - 1 // all
	case generation == p.generation:
		return p.number
	default:
		return 0
	}
}

// entrySeal is a seal as entries know it.
type entrySeal struct {
	generation uint32
	first      uint64
	count      uint32
	at         int64 // Unix nanoseconds
}

func (s entrySeal) last() position { return position{s.generation, s.first + uint64(s.count) - 1} }

// overlaps tells whether two seals have units in common.
func (s entrySeal) overlaps(o entrySeal) bool {
	return s.generation == o.generation && s.first <= o.last().number && o.first <= s.last().number
}

// compare orders seals by their units.
func (s entrySeal) compare(o entrySeal) int {
	return cmp.Or(cmp.Compare(s.generation, o.generation), cmp.Compare(s.first, o.first))
}

// entry is a group of records that was, or will be, written at once.
type entry struct {
	first   uint64
	acked   position
	seals   []entrySeal
	records []Record // their Sequence and First follow from the entry
}

// units returns how many units the entry's records stand for.
func (e *entry) units() uint64 {
	n := uint64(0)
	for _, r := range e.records {
		n += uint64(r.Units)
	}
	return n
}

func (e *entry) size() int {
	n := fixedSize + len(e.seals)*sealSize
	for _, r := range e.records {
		n += r.size()
	}
	return n
}

// append appends the entry's bytes, which are e.size() many.
func (e *entry) append(b []byte) []byte {
	b = slices.Grow(b, e.size())
	start := len(b)
	le := binary.LittleEndian
	b = le.AppendUint32(b, entryMagic)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, uint32(e.size()))
	b = le.AppendUint32(b, uint32(len(e.records)))
	b = le.AppendUint64(b, e.first)
	b = le.AppendUint32(b, e.acked.generation)
	b = le.AppendUint64(b, e.acked.number)
	b = le.AppendUint32(b, uint32(len(e.seals)))
	for _, s := range e.seals {
		b = le.AppendUint32(b, s.generation)
		b = le.AppendUint64(b, s.first)
		b = le.AppendUint32(b, s.count)
		b = le.AppendUint64(b, uint64(s.at))
	}
	for _, r := range e.records {
		b = le.AppendUint32(b, uint32(r.Units))
		b = le.AppendUint64(b, uint64(r.TakenAt.UnixNano()))
		b = le.AppendUint32(b, uint32(len(r.Head)))
		b = le.AppendUint32(b, uint32(len(r.Body)))
		b = append(b, r.Head...)
		b = append(b, r.Body...)
	}
	le.PutUint32(b[start+4:], crc32.Checksum(b[start+8:], castagnoli))
	return b
}

// entryLength returns the size that an entry says it has, if b begins like one.
func entryLength(b []byte) (int, bool) {
	if len(b) < fixedSize || binary.LittleEndian.Uint32(b) != entryMagic {
		return 0, false
	}
	size := binary.LittleEndian.Uint32(b[8:])
	return int(size), size >= fixedSize && size <= maxEntry
}

// decodeEntry reads an entry that is all of b. Its records' bytes are b's. Any
// bytes that entry.append does not make are an ErrCorrupt.
func decodeEntry(b []byte) (*entry, error) {
	size, ok := entryLength(b)
	if !ok || size != len(b) {
		return nil, fmt.Errorf("%w: %d bytes that are no entry", ErrCorrupt, len(b))
	}
	le := binary.LittleEndian
	if crc32.Checksum(b[8:], castagnoli) != le.Uint32(b[4:]) {
		return nil, fmt.Errorf("%w: an entry of %d bytes does not match its checksum", ErrCorrupt, len(b))
	}
	e := &entry{first: le.Uint64(b[16:]), acked: position{le.Uint32(b[24:]), le.Uint64(b[28:])}}
	records, seals := int(le.Uint32(b[12:])), int(le.Uint32(b[36:]))
	rest := b[fixedSize:]
	if seals > len(rest)/sealSize {
		return nil, fmt.Errorf("%w: an entry is too short for %d seals", ErrCorrupt, seals)
	}
	for range seals {
		e.seals = append(e.seals, entrySeal{le.Uint32(rest), le.Uint64(rest[4:]), le.Uint32(rest[12:]), int64(le.Uint64(rest[16:]))})
		rest = rest[sealSize:]
	}
	if records > len(rest)/recordSize {
		return nil, fmt.Errorf("%w: an entry is too short for %d records", ErrCorrupt, records)
	}
	e.records = make([]Record, 0, records)
	number := e.first
	for range records {
		if len(rest) < recordSize {
			return nil, fmt.Errorf("%w: an entry ends within a record", ErrCorrupt)
		}
		r := Record{Units: int(le.Uint32(rest)), TakenAt: time.Unix(0, int64(le.Uint64(rest[4:]))), First: number}
		head, body := uint64(le.Uint32(rest[12:])), uint64(le.Uint32(rest[16:]))
		rest = rest[recordSize:]
		if head+body > uint64(len(rest)) || r.Units == 0 {
			return nil, fmt.Errorf("%w: a record of an entry is longer than the entry", ErrCorrupt)
		}
		r.Head, r.Body = rest[:head:head], rest[head:head+body:head+body]
		rest = rest[head+body:]
		number += uint64(r.Units)
		e.records = append(e.records, r)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many in an entry", ErrCorrupt, len(rest))
	}
	return e, nil
}
