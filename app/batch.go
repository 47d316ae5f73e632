package app

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Topics of the pipeline.
const (
	TopicLogs   = "logs"        // Kafka: one record is one batch
	TopicPoison = "logs.poison" // Kafka: what could not be stored, with its reason
	TopicStored = "stored"      // PostgreSQL outbox: one event for each stored batch
	TopicReplay = "replay"      // PostgreSQL outbox: one event for each item of the quarantine that is to be replayed
)

// Metadata keys of a batch on its way (Kafka record headers).
const (
	MetaShipper   = "millrace_shipper"    // the shipper's id
	MetaFirst     = "millrace_first"      // sequence number of the first log
	MetaCount     = "millrace_count"      // how many logs
	MetaSealedAt  = "millrace_sealed_at"  // RFC 3339, when the batch was closed
	MetaAccepted  = "millrace_accepted"   // optional: the last number the shipper had given when it sent the batch
	MetaTrigger   = "millrace_trigger"    // optional: what closed the batch: size, bytes, delay, close, split or crash
	MetaOpenedAt  = "millrace_opened_at"  // optional: RFC 3339, when the first log of the batch was accepted
	MetaTopic     = "millrace_topic"      // where the record lay, set when it is read
	MetaPartition = "millrace_partition"  //
	MetaOffset    = "millrace_offset"     //
	MetaShippedAt = "millrace_shipped_at" // RFC 3339, the record's own time, set when it is read
)

// BatchHead is a batch's identity and what is known of its life before it is
// stored. Shipper and First together are its key: a batch that is delivered
// again has the same key and is refused by the ledger.
type BatchHead struct {
	Shipper string // whose sequence; for a batch from another producer "TOPIC.PARTITION"
	First   uint64 // sequence number of the first log; for another producer the offset
	Count   int    // logs in the batch
	Foreign bool   // from another producer, so its sequence has gaps by nature

	Topic     string
	Partition int32
	Offset    int64

	Accepted  uint64    // the last number the shipper had given when it sent the batch; 0: not said
	Trigger   string    // what closed the batch; empty: not said
	OpenedAt  time.Time // when its first log was accepted; zero: not said
	SealedAt  time.Time // zero for another producer's batch
	ShippedAt time.Time // the Kafka record's own time
}

// ID names the batch: the shipper and the first sequence number.
func (h BatchHead) ID() string { return h.Shipper + "-" + strconv.FormatUint(h.First, 10) }

// Last returns the sequence number of the last log of the batch.
func (h BatchHead) Last() uint64 { return h.First + uint64(h.Count) - 1 }

// Metadata returns what travels with the batch.
func (h BatchHead) Metadata() map[string]string {
	meta := map[string]string{
		MetaShipper:  h.Shipper,
		MetaFirst:    strconv.FormatUint(h.First, 10),
		MetaCount:    strconv.Itoa(h.Count),
		MetaSealedAt: h.SealedAt.UTC().Format(time.RFC3339Nano),
	}
	if h.Accepted > 0 {
		meta[MetaAccepted] = strconv.FormatUint(h.Accepted, 10)
	}
	if h.Trigger != "" {
		meta[MetaTrigger] = h.Trigger
	}
	if !h.OpenedAt.IsZero() {
		meta[MetaOpenedAt] = h.OpenedAt.UTC().Format(time.RFC3339Nano)
	}
	return meta
}

// triggers are what may close a batch.
var triggers = []string{"size", "bytes", "delay", "close", triggerSplit, triggerCrash}

const (
	triggerSplit = "split" // it is half of one that was too large
	triggerCrash = "crash" // it was sealed, whole or half, in an earlier life of its shipper
)

// MayBeHalf tells whether a larger batch with the same numbers may have been
// sent before.
func (h BatchHead) MayBeHalf() bool { return h.Trigger == triggerSplit || h.Trigger == triggerCrash }

// readExtras reads what a batch may say and is stored without.
func (h *BatchHead) readExtras(meta map[string]string) {
	if accepted, err := strconv.ParseUint(meta[MetaAccepted], 10, 63); err == nil {
		h.Accepted = accepted
	}
	if slices.Contains(triggers, meta[MetaTrigger]) {
		h.Trigger = meta[MetaTrigger]
	}
	h.OpenedAt, _ = time.Parse(time.RFC3339Nano, meta[MetaOpenedAt])
}

// AcceptedAt returns when the batch's first log was accepted, or the earliest
// time after it that is known; zero when none is.
func (h BatchHead) AcceptedAt() time.Time {
	for _, t := range []time.Time{h.OpenedAt, h.SealedAt, h.ShippedAt} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// ReadBatchHead reads a batch's identity from the metadata of its record.
// count is the number of logs found in the payload. A record without our
// metadata is another producer's, identified by topic, partition and offset.
// Metadata that contradicts the payload is an error of kind KindInvalid.
func ReadBatchHead(meta map[string]string, count int) (BatchHead, error) {
	h := BatchHead{Count: count, Topic: meta[MetaTopic]}
	partition, errPartition := strconv.ParseInt(meta[MetaPartition], 10, 32)
	offset, errOffset := strconv.ParseInt(meta[MetaOffset], 10, 64)
	if errPartition != nil || errOffset != nil || h.Topic == "" || offset < 0 {
		return h, Errorf(KindInvalid, "the record does not say which topic, partition and offset it was read from")
	}
	h.Partition, h.Offset = int32(partition), offset
	h.ShippedAt, _ = time.Parse(time.RFC3339Nano, meta[MetaShippedAt])
	if meta[MetaShipper] == "" {
		h.Foreign = true
		h.Shipper = fmt.Sprintf("%s.%d", h.Topic, h.Partition)
		h.First = uint64(h.Offset)
		return h, nil
	}
	h.Shipper = meta[MetaShipper]
	first, err := strconv.ParseUint(meta[MetaFirst], 10, 63)
	if err != nil || first == 0 {
		return h, Errorf(KindInvalid, "header %s is %q: want a sequence number from 1", MetaFirst, meta[MetaFirst])
	}
	h.First = first
	if said, err := strconv.Atoi(meta[MetaCount]); err != nil || said != count {
		return h, Errorf(KindInvalid, "header %s is %q but the payload holds %d logs", MetaCount, meta[MetaCount], count)
	}
	if h.SealedAt, err = time.Parse(time.RFC3339Nano, meta[MetaSealedAt]); err != nil {
		return h, Errorf(KindInvalid, "header %s is %q: want an RFC 3339 time", MetaSealedAt, meta[MetaSealedAt])
	}
	h.readExtras(meta)
	return h, nil
}

// Batch is a batch and its logs. Logs may be walked more than once; each walk
// hands out one Log at a time, valid until the next, and stops at the first
// error.
type Batch struct {
	BatchHead
	Logs iter.Seq2[*Log, error]
	// One returns the payload of one of its logs, by its place, from 0. Nil:
	// its logs cannot be told from each other.
	One func(place int) ([]byte, error)
}

// Receipt says what became of a batch that was handed to the store.
type Receipt struct {
	Number    int64 // the batch's number in the ledger
	Stored    int   // logs written now; 0 for a duplicate
	Duplicate bool  // it was there already, nothing was written
	Apart     int   // logs that were refused for good, and are in quarantine instead
	Repaired  int   // of those stored, logs that could not be stored as they were

	Took   time.Duration // from the beginning of the transaction to its commit
	Copied time.Duration // of that, writing the logs
}

// StoredEvent tells that a batch was stored: the payload, in JSON, of a
// message on TopicStored.
type StoredEvent struct {
	Number      int64  `json:"number"`      // the batch's number in the ledger
	BatchID     string `json:"batch_id"`    // BatchHead.ID
	Count       int    `json:"count"`       // logs in the batch
	Transaction uint64 `json:"transaction"` // the store's transaction, for Snapshot.Sees

	AcceptedAt time.Time `json:"accepted_at,omitzero"` // BatchHead.AcceptedAt
}
