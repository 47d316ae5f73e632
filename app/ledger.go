package app

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// MaxListed is how many gaps, overlaps and the like are named; all are counted.
const MaxListed = 100

// MaxShippers is how many shippers a LedgerReport names, those first that
// stored last.
const MaxShippers = 1000

// DefaultSettle is how long a number may be missing before it counts as a gap.
const DefaultSettle = time.Minute

// LedgerQuery asks for the ledger.
type LedgerQuery struct {
	Shipper string // one, or empty for all
	// Settle is how long a number may be missing before it counts as a gap,
	// from when the batch behind it was stored. Partitions of Kafka are consumed
	// side by side: for a while a batch may be there before the one before it.
	Settle time.Duration
}

// Range is a run of a shipper's sequence numbers, both ends included.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Count returns how many numbers there are in the run.
func (r Range) Count() uint64 { return r.To - r.From + 1 }

// String returns "7" or "7-9".
func (r Range) String() string {
	if r.From == r.To {
		return strconv.FormatUint(r.From, 10)
	}
	return strconv.FormatUint(r.From, 10) + "-" + strconv.FormatUint(r.To, 10)
}

// Ranges are runs of numbers of one shipper: all of them counted, the first
// MaxListed named.
type Ranges struct {
	Count uint64  `json:"count"` // runs
	Logs  uint64  `json:"logs"`  // numbers in all of them
	First []Range `json:"first"` // in order
}

// ShipperLedger is what the ledger knows of one shipper. For one of our own,
// Accepted, Sealed and Shipped are the last number that came so far, and
//
//	Accepted = Stored + Quarantined + Replayed + Discarded + Gaps.Logs + Pending
//
// as long as no number is stored twice. Another producer's batches are known by
// their offsets: its figures are logs, and it has no gaps.
type ShipperLedger struct {
	Shipper string `json:"shipper"`
	Foreign bool   `json:"foreign"` // another producer
	Live    bool   `json:"live"`    // the shipper itself was asked just now

	Accepted uint64 `json:"accepted"`
	Sealed   uint64 `json:"sealed"`
	Shipped  uint64 `json:"shipped"`
	Stored   uint64 `json:"stored"`  // logs
	Pending  uint64 `json:"pending"` // logs beyond the last that was stored, and Settling: on their way, or lost just now

	Quarantined uint64 `json:"quarantined"` // logs that wait in quarantine
	Replayed    uint64 `json:"replayed"`    // logs that left it to be stored under another shipper
	Discarded   uint64 `json:"discarded"`   // logs that were thrown away from it

	Gaps     Ranges `json:"gaps"`     // numbers that are neither stored nor in quarantine
	Settling Ranges `json:"settling"` // the same, but for less than LedgerQuery.Settle
	Overlaps Ranges `json:"overlaps"` // numbers that more than one batch has

	Batches    uint64    `json:"batches"`
	Duplicates uint64    `json:"duplicates_refused"` // deliveries of batches that were there
	Unchecked  Unchecked `json:"unchecked"`          // what retention has dropped rows of
	FirstSeen  time.Time `json:"first_seen"`         // when its first batch was stored
	LastSeen   time.Time `json:"last_seen"`

	Reach uint64 `json:"-"` // the last number that is stored or in quarantine
}

// Name is the shipper's name as a terminal may show it.
func (s ShipperLedger) Name() string { return Printable(s.Shipper) }

// Unchecked is what lies in days that are no longer kept: the ledger knows the
// batches, but their rows cannot be counted any more.
type Unchecked struct {
	Batches uint64 `json:"batches"`
	Logs    uint64 `json:"logs"`
}

// LedgerState is the ledger at one moment.
type LedgerState struct {
	Shippers []ShipperLedger // those that stored last first
	KeptFrom time.Time       // the beginning of the oldest day that is kept; zero: nothing is stored
}

// Settled returns the shippers with their figures brought into order, from the
// ledger alone.
func (s LedgerState) Settled() []ShipperLedger {
	settled := slices.Clone(s.Shippers)
	for i := range settled {
		settled[i].settle()
	}
	return settled[:min(len(settled), MaxShippers)]
}

// LedgerReader reads the ledger. Safe for concurrent use.
type LedgerReader interface {
	// Ledger returns every shipper, or the one with a name. The result is of
	// one moment.
	Ledger(ctx context.Context, query LedgerQuery) (LedgerState, error)
	// Batch returns the life of a batch by BatchHead.ID, or an Error of
	// KindNotFound.
	Batch(ctx context.Context, id string) (BatchLife, error)
	// Batches lists batches.
	Batches(ctx context.Context, query BatchQuery) (BatchPage, error)
	// Verify compares the ledger with every row that is kept, in one moment's
	// state, and hands out what is not as it must be: MaxListed findings of each
	// kind, and all of them counted in the Verification.
	Verify(ctx context.Context, query LedgerQuery, report VerifyReport) (Verification, error)
}

// ShipperState is what a shipper says of itself.
type ShipperState struct {
	ID       string          `json:"id"`
	Accepted uint64          `json:"accepted"` // the last number it gave
	Sealed   uint64          `json:"sealed"`   // the last in a sealed batch
	Shipped  uint64          `json:"shipped"`  // the last that Kafka has
	Journal  json.RawMessage `json:"journal,omitempty"`
	Breaker  string          `json:"breaker,omitempty"`
}

// ShipperAnswer is the answer of one shipper, or that there was none.
type ShipperAnswer struct {
	URL   string        `json:"url"`
	Error string        `json:"error,omitempty"` // why there is no State
	State *ShipperState `json:"state,omitempty"`
}

// ShipperStates asks the shippers that are known by address, all at once and
// not for long. Safe for concurrent use.
type ShipperStates interface {
	States(ctx context.Context) []ShipperAnswer
}

// Ledger tells what became of every log, from the ledger and from the shippers
// themselves. Safe for concurrent use.
type Ledger struct {
	reader   LedgerReader
	shippers ShipperStates
}

// NewLedger returns a Ledger. Without shippers, which may be nil, it knows of
// them only what their last stored batches said.
func NewLedger(reader LedgerReader, shippers ShipperStates) *Ledger {
	return &Ledger{reader: reader, shippers: shippers}
}

// LedgerReport is the whole of the ledger in short.
type LedgerReport struct {
	Whole    bool            `json:"whole"`              // no gap and no overlap
	KeptFrom time.Time       `json:"kept_from,omitzero"` // rows of earlier days are dropped
	Total    int             `json:"total"`              // shippers there are
	Shippers []ShipperLedger `json:"shippers"`           // MaxShippers of them, those that stored last first
	Asked    []ShipperAnswer `json:"asked,omitempty"`    // the shippers that were asked
}

// Report returns the report of every shipper, or of one; a shipper of which
// nobody knows is an Error of KindNotFound. The shippers are asked before the
// ledger is read: what they have shipped by then may well be stored by now, and
// is never told to be missing.
func (l *Ledger) Report(ctx context.Context, query LedgerQuery) (LedgerReport, error) {
	asked := ask(ctx, l.shippers)
	state, err := l.reader.Ledger(ctx, query)
	if err != nil {
		return LedgerReport{}, err
	}
	all := merge(state.Shippers, asked, query.Shipper)
	if query.Shipper != "" && len(all) == 0 {
		return LedgerReport{}, &Error{Kind: KindNotFound, Field: "shipper", Message: "the ledger knows no shipper " + strconv.Quote(query.Shipper)}
	}
	report := LedgerReport{Whole: true, KeptFrom: state.KeptFrom, Total: len(all), Shippers: all, Asked: asked}
	for i := range all {
		all[i].settle()
		report.Whole = report.Whole && all[i].Gaps.Count == 0 && all[i].Overlaps.Count == 0
	}
	report.Shippers = all[:min(len(all), MaxShippers)]
	return report, nil
}

// ask asks shippers, of which there may be none.
func ask(ctx context.Context, shippers ShipperStates) []ShipperAnswer {
	if shippers == nil {
		return nil
	}
	return shippers.States(ctx)
}

// merge adds what shippers say of themselves to what the ledger knows.
func merge(known []ShipperLedger, asked []ShipperAnswer, only string) []ShipperLedger {
	for _, answer := range asked {
		said := answer.State
		if said == nil || only != "" && said.ID != only {
			continue
		}
		at := slices.IndexFunc(known, func(s ShipperLedger) bool { return s.Shipper == said.ID })
		if at < 0 {
			known = append([]ShipperLedger{{Shipper: said.ID}}, known...)
			at = 0
		}
		s := &known[at]
		s.Live = true
		s.Accepted, s.Sealed, s.Shipped = max(s.Accepted, said.Accepted), max(s.Sealed, said.Sealed), max(s.Shipped, said.Shipped)
	}
	return known
}

// settle brings the figures into their order: what is stored was shipped, what
// was shipped was sealed, and so on.
func (s *ShipperLedger) settle() {
	if s.Foreign {
		s.Accepted = s.Stored + s.Quarantined + s.Replayed + s.Discarded
		s.Sealed, s.Shipped = s.Accepted, s.Accepted
		return
	}
	s.Shipped = max(s.Shipped, s.Reach)
	s.Sealed = max(s.Sealed, s.Shipped)
	s.Accepted = max(s.Accepted, s.Sealed)
	s.Pending = s.Accepted - s.Reach + s.Settling.Logs
}

// Batch returns the life of one batch.
func (l *Ledger) Batch(ctx context.Context, id string) (BatchLife, error) {
	return l.reader.Batch(ctx, id)
}

// Batches lists batches.
func (l *Ledger) Batches(ctx context.Context, query BatchQuery) (BatchPage, error) {
	return l.reader.Batches(ctx, query)
}

// Verify compares the ledger with the rows; see LedgerReader.
func (l *Ledger) Verify(ctx context.Context, query LedgerQuery, report VerifyReport) (Verification, error) {
	return l.reader.Verify(ctx, query, report)
}
