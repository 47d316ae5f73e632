package app

import (
	"context"
	"iter"
	"time"
)

// BatchStore keeps batches for good. PostgreSQL fills it.
type BatchStore interface {
	// Store keeps a batch once, whole or not at all, and with it the event
	// that tells so. Storing it again changes nothing and says so. Logs the
	// store cannot hold as they are, are repaired without loss; those that it
	// refuses nevertheless are quarantined, each alone. Errors are
	// Permanent when the batch itself is at fault. Safe for concurrent use.
	Store(ctx context.Context, batch Batch) (Receipt, error)
}

// PoisonStore keeps what was set aside. PostgreSQL fills it.
type PoisonStore interface {
	// Keep keeps a record of the poison topic, whatever is in it, as an item of
	// the quarantine, or adds it to the history of the item that it is already.
	// Keeping the same record again changes nothing. Safe for concurrent use.
	Keep(ctx context.Context, record PoisonRecord) (KeptPoison, error)
}

// LogReader answers queries from the store. Safe for concurrent use.
type LogReader interface {
	// Newest returns up to limit logs, newest first, or as many as have
	// RecentBytes, and the snapshot of the store in which they were read.
	Newest(ctx context.Context, limit int) ([]Log, Snapshot, error)
	// Logs returns one page.
	Logs(ctx context.Context, query Query) (Page, error)
}

// LogFinder finds single logs in the store. Safe for concurrent use.
type LogFinder interface {
	// Log returns the log with an id, or an Error of KindNotFound.
	Log(ctx context.Context, id LogID) (Log, error)
	// Context returns a log and what the same service wrote on the same host
	// around it, or an Error of KindNotFound.
	Context(ctx context.Context, query ContextQuery) (LogContext, error)
	// Find returns the id of a log that is known by its place in a batch, or an
	// Error of KindNotFound while it is not stored.
	Find(ctx context.Context, id LiveID) (LogID, error)
}

// StoredPlaces knows how far the store has come in the topic logs. Safe for
// concurrent use.
type StoredPlaces interface {
	// StoredUpTo returns, of each partition of ends, the position behind the
	// last record that is stored and lies before its end. All before it are
	// stored or in quarantine, since those of a partition are stored one after
	// another. A partition of which nothing is stored has none.
	StoredUpTo(ctx context.Context, ends Positions) (Positions, error)
}

// LogCounter counts what the store holds. Safe for concurrent use.
type LogCounter interface {
	Histogram(ctx context.Context, query HistogramQuery) (Histogram, error)
	Facets(ctx context.Context, query FacetQuery) (Facets, error)
	Stats(ctx context.Context, query StatsQuery) (Stats, error)
}

// LogWalker hands out any number of logs. Safe for concurrent use.
type LogWalker interface {
	// Walk calls visit with each log of a listing in its order, as they are in
	// the store at one moment. Limit may be larger than MaxLimit, and 0 is
	// without limit; At is not used. What the Log
	// refers to may be kept; an error of visit ends the walk. It takes as long as visit does and holds a
	// connection meanwhile.
	Walk(ctx context.Context, query Query, visit func(*Log) error) error
}

// BatchCodec reads a batch's payload.
type BatchCodec interface {
	// Count returns the number of logs in a payload, or an Error of
	// KindInvalid when the bytes are no batch. It does not decode the logs.
	Count(payload []byte) (int, error)
	// Logs walks the logs of a payload. received stands in for the times
	// that a log does not carry.
	Logs(payload []byte, received time.Time) LogSeq
	// One returns one of its logs, by its place, from 0, as a payload of its
	// own.
	One(payload []byte, place int) ([]byte, error)
}

// LogSeq is a walk over logs; see Batch.Logs.
type LogSeq = iter.Seq2[*Log, error]

// RecentCache keeps the newest logs as JSON, ready to be sent. Redis fills it.
// Safe for concurrent use.
type RecentCache interface {
	// Load returns up to limit logs, which may be none, and their snapshot, or an
	// Error of KindNotFound when nothing is kept.
	Load(ctx context.Context, limit int) (RecentLogs, error)
	// Save replaces what is kept.
	Save(ctx context.Context, logs RecentLogs) error
}

// StoredFeed knows which batches were stored. PostgreSQL's notifications fill
// it. Safe for concurrent use.
type StoredFeed interface {
	// Covers tells whether every batch known to be stored is in the snapshot.
	// It is false whenever the feed cannot know, as when its connection is
	// down.
	Covers(s Snapshot) bool
}

// Check tells whether something the program needs can be used now.
type Check interface {
	// Name is one word: "kafka", "postgres".
	Name() string
	// Check returns nil, or what is wrong. It obeys ctx.
	Check(ctx context.Context) error
}

// CheckFunc makes a Check of a function.
func CheckFunc(name string, check func(context.Context) error) Check {
	return checkFunc{name, check}
}

type checkFunc struct {
	name  string
	check func(context.Context) error
}

func (c checkFunc) Name() string                    { return c.name }
func (c checkFunc) Check(ctx context.Context) error { return c.check(ctx) }

// Helpful marks a Check of what the program can do without for a while: health
// shows it, and who asks whether the program is ready does not wait for it.
func Helpful(c Check) Check { return helpful{c} }

type helpful struct{ check }

type check = Check

// Detailed is a Check with something to tell whether or not it passes.
func Detailed(c Check, details func() map[string]string) Check { return detailed{c, details} }

type detailed struct {
	check
	details func() map[string]string
}

// DetailsOf returns what a Check has to tell, nil when that is nothing.
func DetailsOf(c Check) map[string]string {
	if h, ok := c.(helpful); ok {
		c = h.check
	}
	if d, ok := c.(detailed); ok {
		return d.details()
	}
	return nil
}

// IsNeeded tells whether the program can do its work only when the Check passes.
func IsNeeded(c Check) bool {
	_, ok := c.(helpful)
	return !ok
}
