package app

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// States of an item in quarantine.
const (
	Held      = "held"      // it waits for somebody to decide
	Replaying = "replaying" // it goes through the pipeline again
	Replayed  = "replayed"  // its logs are stored, as a batch of a shipper of its own
	Discarded = "discarded" // somebody threw it away
)

// QuarantineStates are all there are.
var QuarantineStates = []string{Held, Replaying, Replayed, Discarded}

// QuarantineItem is something that was set aside. Names and texts in it are
// those of whoever wrote to Kafka, and may hold anything that is UTF-8.
type QuarantineItem struct {
	ID    int64  `json:"id"`
	State string `json:"state"`
	Failure
	Shipper  string `json:"shipper"`  // whose numbers it covers; what has none is known by TOPIC.PARTITION
	First    uint64 `json:"first"`    // and OFFSET
	Count    int    `json:"count"`    // logs; what nobody can count counts as one
	Foreign  bool   `json:"foreign"`  // not of a shipper of ours
	Readable bool   `json:"readable"` // the payload is a batch, and can be replayed
	Bytes    int    `json:"bytes"`    // of the payload
	Tries    int    `json:"tries"`    // how often it was set aside

	FirstSeen time.Time   `json:"first_seen"`
	LastSeen  time.Time   `json:"last_seen"`
	ChangedAt time.Time   `json:"changed_at"` // its state
	Lay       RecordPlace `json:"record"`     // where it lay before it was first set aside

	Batch  string `json:"batch,omitempty"`  // of a log that alone was refused: the batch that was stored without it
	Replay string `json:"replay,omitempty"` // the batch as which it is replayed, once that was asked for
}

// QuarantineHeader is a header of a record that was set aside; both may be any
// bytes.
type QuarantineHeader struct {
	Name  []byte
	Value []byte
}

// QuarantineEvent is something that happened to an item.
type QuarantineEvent struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // poisoned, replaying, returned, replayed, discarded
	Failure
	Lies *RecordPlace `json:"record,omitempty"` // of poisoned: the record of the poison topic
}

// QuarantineDetail is all that is known of an item.
type QuarantineDetail struct {
	QuarantineItem
	Headers []QuarantineHeader
	History []QuarantineEvent // oldest first
	Payload []byte
	// Received stands in for times that its logs do not carry.
	Received time.Time
}

// QuarantineFilter says which items are wanted. The zero filter wants all.
type QuarantineFilter struct {
	State   string
	Stage   string
	Reason  string
	Shipper string
	From    time.Time // last seen at or after
	To      time.Time // last seen before
}

// QuarantineQuery asks for a page of items, the newest first.
type QuarantineQuery struct {
	QuarantineFilter
	Limit int   // 1 to MaxLimit
	After int64 // the item after which the page begins; 0: at the beginning
}

// QuarantinePage is a page; Next is 0 on the last.
type QuarantinePage struct {
	Items []QuarantineItem
	Next  int64
}

// FormatQuarantineCursor returns a place in the list as text that is safe in a
// URL, or nil for none.
func FormatQuarantineCursor(after int64) *string {
	if after == 0 {
		return nil
	}
	text := strconv.FormatInt(after, 36)
	return &text
}

// ParseQuarantineCursor reads what FormatQuarantineCursor wrote; anything else is
// an Error of KindInvalid for the field "cursor".
func ParseQuarantineCursor(text string) (int64, error) {
	after, err := strconv.ParseInt(text, 36, 64)
	if err != nil || after < 1 {
		return 0, &Error{Kind: KindInvalid, Field: "cursor", Message: "cursor is not one that this server gave: use next of a page as it is"}
	}
	return after, nil
}

// QuarantineStore keeps the items. PostgreSQL fills it. Safe for concurrent use.
type QuarantineStore interface {
	// Items returns a page.
	Items(ctx context.Context, query QuarantineQuery) (QuarantinePage, error)
	// Item returns one item, or an Error of KindNotFound.
	Item(ctx context.Context, id int64) (QuarantineDetail, error)
	// Replay puts an item that is held on its way through the pipeline, once
	// however often it is called, and returns its state. What cannot be
	// replayed is an Error of KindConflict that says why.
	Replay(ctx context.Context, id int64) (state string, err error)
	// Discard marks an item that is held as thrown away; as Replay.
	Discard(ctx context.Context, id int64) (state string, err error)
}

// ReplayStore is the quarantine as whoever replays sees it. PostgreSQL fills it.
// Safe for concurrent use.
type ReplayStore interface {
	// Replaying returns what is to be sent, or ok false when the item is not
	// on its way any more.
	Replaying(ctx context.Context, id int64) (replay Replay, ok bool, err error)
	// Returned takes an item back that cannot be sent.
	Returned(ctx context.Context, id int64, why Failure) error
}

// Replay is an item as it is sent again. Its head is always the same, so that
// the ledger refuses a second one.
type Replay struct {
	BatchHead
	Payload []byte
}

// ReplayEvent asks for a replay: the payload, in JSON, of a message on
// TopicReplay.
type ReplayEvent struct {
	Item int64 `json:"item"`
}

// ReplayPrefix begins the names of the shippers as which items are replayed.
const ReplayPrefix = "replay-"

// ReplayPatience is how long a replay may be on its way before it can be asked
// for again. It is never stored twice: this merely spares the pipeline.
const ReplayPatience = time.Minute

// Quarantine is what was set aside, for people to look into and decide upon.
// Safe for concurrent use.
type Quarantine struct {
	store QuarantineStore
	codec BatchCodec
}

// NewQuarantine returns a Quarantine.
func NewQuarantine(store QuarantineStore, codec BatchCodec) *Quarantine {
	return &Quarantine{store: store, codec: codec}
}

// Items returns a page.
func (q *Quarantine) Items(ctx context.Context, query QuarantineQuery) (QuarantinePage, error) {
	return q.store.Items(ctx, query)
}

// Limits of the logs that are shown of an item: the last one may go beyond the
// bytes.
const (
	maxShownLogs  = 100
	maxShownBytes = 1 << 20
)

// QuarantineLogs are logs of an item, as JSON; Of says how many there are.
type QuarantineLogs struct {
	Logs []json.RawMessage
	Of   int
}

// Item returns one item, with the first of its logs where it can be read.
func (q *Quarantine) Item(ctx context.Context, id int64) (QuarantineDetail, QuarantineLogs, error) {
	item, err := q.store.Item(ctx, id)
	if err != nil {
		return item, QuarantineLogs{}, err
	}
	count, err := q.codec.Count(item.Payload)
	if err != nil || count == 0 {
		return item, QuarantineLogs{}, nil
	}
	shown := QuarantineLogs{Of: count}
	bytes := 0
	for log, err := range q.codec.Logs(item.Payload, item.Received) {
		if err != nil || len(shown.Logs) == maxShownLogs || bytes > maxShownBytes {
			break
		}
		text, err := json.Marshal(log)
		if err != nil {
			return item, shown, err
		}
		bytes += len(text)
		shown.Logs = append(shown.Logs, text)
	}
	return item, shown, nil
}

// QuarantineSelection names items: by their ids, or all that are held and match
// a filter, up to a limit.
type QuarantineSelection struct {
	IDs    []int64
	Filter QuarantineFilter
	Limit  int // with a filter; 1 to MaxLimit
}

// QuarantineResult is what became of one item that was to be replayed or
// discarded.
type QuarantineResult struct {
	ID     int64  `json:"id"`
	State  string `json:"state,omitempty"`
	Detail string `json:"detail,omitempty"` // why it was not done
	Err    error  `json:"-"`
}

// QuarantineResults are in the order of the selection. More tells that a limit
// kept more items from being looked at.
type QuarantineResults struct {
	Results []QuarantineResult `json:"results"`
	More    bool               `json:"more"`
}

// Replay sends items through the pipeline again. An error is one that stopped
// it; what is wrong with one item stands in its result.
func (q *Quarantine) Replay(ctx context.Context, selection QuarantineSelection) (QuarantineResults, error) {
	return q.each(ctx, selection, q.store.Replay)
}

// Discard throws items away: they stay where they are, marked. As Replay.
func (q *Quarantine) Discard(ctx context.Context, selection QuarantineSelection) (QuarantineResults, error) {
	return q.each(ctx, selection, q.store.Discard)
}

func (q *Quarantine) each(ctx context.Context, selection QuarantineSelection, do func(context.Context, int64) (string, error)) (QuarantineResults, error) {
	done := QuarantineResults{Results: []QuarantineResult{}}
	ids := slices.Compact(slices.Sorted(slices.Values(selection.IDs)))
	if len(ids) == 0 {
		query := QuarantineQuery{QuarantineFilter: selection.Filter, Limit: selection.Limit}
		query.State = Held
		page, err := q.store.Items(ctx, query)
		if err != nil {
			return done, err
		}
		for _, item := range page.Items {
			ids = append(ids, item.ID)
		}
		done.More = page.Next != 0
	}
	for _, id := range ids {
		result := QuarantineResult{ID: id}
		result.State, result.Err = do(ctx, id)
		switch KindOf(result.Err) {
		case KindNotFound, KindConflict:
			result.Detail = result.Err.Error()
		default:
			if result.Err != nil {
				return done, result.Err
			}
		}
		done.Results = append(done.Results, result)
	}
	return done, nil
}
