package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Metadata keys of what is set aside, beside those of a batch. The last two
// are Watermill's.
const (
	MetaStage  = "millrace_stage"  // one of the Stages
	MetaReason = "millrace_reason" // one of the Reasons
	MetaOrigin = "origin_"         // begins the keys that tell where a record lay before it was set aside

	metaPoisonError   = "reason_poisoned"
	metaPoisonHandler = "handler_poisoned"
)

// Stages at which something is set aside.
const (
	StageShip    = "ship"    // Kafka would never take it
	StageStore   = "store"   // PostgreSQL would never take it, or it is no batch
	StageReplay  = "replay"  // Kafka would not take it when it was replayed
	StageUnknown = "unknown" // whoever set it aside does not say
)

// Reasons why something is set aside.
const (
	ReasonTooLarge = "too-large" // over a limit of Kafka's or of ours
	ReasonInvalid  = "invalid"   // no batch, metadata that contradict the payload, or refused for good
	ReasonConflict = "conflict"  // it contradicts a batch that is stored
	ReasonPanic    = "panic"     // handling it panicked
	ReasonUnknown  = "unknown"   // whoever set it aside does not say
)

// Stages and Reasons are all there are.
var (
	Stages  = []string{StageShip, StageStore, StageReplay, StageUnknown}
	Reasons = []string{ReasonTooLarge, ReasonInvalid, ReasonConflict, ReasonPanic, ReasonUnknown}
)

// ReasonOf returns the reason that goes with an error.
func ReasonOf(err error) string {
	switch KindOf(err) {
	case KindTooLarge:
		return ReasonTooLarge
	case KindInvalid:
		return ReasonInvalid
	case KindConflict:
		return ReasonConflict
	default:
		return ReasonUnknown
	}
}

// Failure tells why something was set aside, and by whom.
type Failure struct {
	Stage   string `json:"stage"`
	Reason  string `json:"reason"`
	Handler string `json:"handler,omitempty"` // the name of the router's handler, or of the publisher
	Error   string `json:"error,omitempty"`
}

// RecordPlace is where a record lies in Kafka, and since when.
type RecordPlace struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	At        time.Time `json:"at,omitzero"`
}

// PoisonRecord is a record of TopicPoison.
type PoisonRecord struct {
	// The numbers that it covers, and where the record lay. What has no numbers
	// of a shipper's is Foreign, and known by the place of its record.
	BatchHead
	Failure
	Readable bool        // the payload is a batch
	Lies     RecordPlace // on the poison topic
	Headers  map[string]string
	Payload  []byte
}

// ReadPoison reads a record of the poison topic from its metadata. It takes any:
// what is set aside is not to be lost because somebody else wrote it, or because
// it is what it was set aside for. count is BatchCodec.Count.
func ReadPoison(meta map[string]string, payload []byte, count func([]byte) (int, error)) PoisonRecord {
	r := PoisonRecord{Headers: maps.Clone(meta), Payload: payload}
	for _, key := range []string{MetaTopic, MetaPartition, MetaOffset, MetaShippedAt} {
		delete(r.Headers, key) // of this record, which Lies tells
	}
	r.Failure = Failure{
		Stage: oneOf(Stages, meta[MetaStage], StageUnknown), Reason: oneOf(Reasons, meta[MetaReason], ReasonUnknown),
		Handler: meta[metaPoisonHandler], Error: meta[metaPoisonError],
	}
	logs, err := count(payload)
	r.Readable = err == nil && logs > 0
	if !r.Readable {
		logs = 1 // what nobody can count counts as one
	}
	r.Count = min(logs, MaxBatchCount)
	var known bool
	if r.Lies, known = readPlace(meta, ""); !known {
		r.Lies.Topic = TopicPoison
	}
	lay, known := readPlace(meta, MetaOrigin)
	if !known {
		lay = r.Lies
	}
	r.Topic, r.Partition, r.Offset, r.ShippedAt = lay.Topic, lay.Partition, lay.Offset, lay.At
	r.readNumbers(meta)
	return r
}

// readNumbers reads which of a shipper's numbers are covered. The shipper's
// word counts: a payload that was spoiled on its way cannot be counted.
func (r *PoisonRecord) readNumbers(meta map[string]string) {
	first, err := strconv.ParseUint(meta[MetaFirst], 10, 63)
	if !IsShipperName(meta[MetaShipper]) || err != nil || first == 0 || first > MaxFirst {
		r.Foreign = true
		r.Shipper = fmt.Sprintf("%s.%d", r.Topic, r.Partition)
		r.First = uint64(r.Offset)
		return
	}
	r.Shipper, r.First = meta[MetaShipper], first
	if said, err := strconv.Atoi(meta[MetaCount]); err == nil && said >= 1 && said <= MaxBatchCount {
		r.Count = said
	}
	if at, err := time.Parse(time.RFC3339Nano, meta[MetaSealedAt]); err == nil {
		r.SealedAt = at
	}
	r.readExtras(meta)
}

// readPlace reads where a record lies or lay. ok is false when that is not said,
// or cannot be.
func readPlace(meta map[string]string, prefix string) (place RecordPlace, ok bool) {
	topic := meta[prefix+MetaTopic]
	partition, errPartition := strconv.ParseInt(meta[prefix+MetaPartition], 10, 32)
	offset, errOffset := strconv.ParseInt(meta[prefix+MetaOffset], 10, 64)
	// The name of a partition is that of the shipper.
	if errors.Join(errPartition, errOffset) != nil || partition < 0 || offset < 0 || topic == "" || !IsShipperName(topic+".2147483647") {
		return RecordPlace{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, meta[prefix+MetaShippedAt])
	if err != nil {
		at = time.Time{}
	}
	return RecordPlace{topic, int32(partition), offset, at.UTC()}, true
}

func oneOf(known []string, said, otherwise string) string {
	if slices.Contains(known, said) {
		return said
	}
	return otherwise
}

// maxShipper is the longest name of a shipper in bytes: it is in an index.
const maxShipper = 512

// MaxFirst is the largest number that a batch may begin with.
const MaxFirst = 1<<63 - 1 - MaxBatchCount

// IsShipperName tells whether the ledger can hold a name: UTF-8 without NUL, of
// 1 to 512 bytes.
func IsShipperName(name string) bool {
	return name != "" && len(name) <= maxShipper && utf8.ValidString(name) && strings.IndexByte(name, 0) < 0
}

// KeptPoison says what became of a record that was handed to the quarantine.
type KeptPoison struct {
	ID        int64 // of the item
	Fresh     bool  // it is a new item; else it was added to the history of one
	Duplicate bool  // this very record was known
}
