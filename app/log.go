package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Level is a log's severity, in the six steps of the OpenTelemetry log data
// model. The zero Level is none of them.
type Level uint8

// The levels, from least to most severe.
const (
	LevelTrace Level = iota + 1
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
	LevelFatal
)

var levelNames = [...]string{"", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// levelSynonyms are the other names under which loggers write the levels
// (syslog, log4j, java.util.logging, logrus, zap, Python).
var levelSynonyms = map[string]Level{
	"FINEST": LevelTrace, "VERBOSE": LevelTrace,
	"FINE": LevelDebug, "DBG": LevelDebug,
	"INFORMATION": LevelInfo, "INFORMATIONAL": LevelInfo, "NOTICE": LevelInfo,
	"WARNING": LevelWarn,
	"ERR":     LevelError, "SEVERE": LevelError,
	"CRITICAL": LevelFatal, "CRIT": LevelFatal, "ALERT": LevelFatal,
	"EMERG": LevelFatal, "EMERGENCY": LevelFatal, "PANIC": LevelFatal, "DPANIC": LevelFatal,
}

// String returns TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "LEVEL(" + strconv.Itoa(int(l)) + ")"
}

// Severity returns the lowest OpenTelemetry severity number of the level
// (1, 5, 9, 13, 17 or 21).
func (l Level) Severity() int32 { return int32(l-1)*4 + 1 }

// LevelOfSeverity returns the level of an OpenTelemetry severity number (1 to
// 24), and zero for any other.
func LevelOfSeverity(n int32) Level {
	if n < 1 || n > 24 {
		return 0
	}
	return Level((n-1)/4 + 1)
}

// ParseLevel understands the six names and the usual synonyms, in any case.
// It returns zero and false for anything else.
func ParseLevel(s string) (Level, bool) {
	for i, name := range levelNames[1:] {
		if strings.EqualFold(s, name) {
			return Level(i + 1), true
		}
	}
	l, ok := levelSynonyms[strings.ToUpper(s)]
	return l, ok
}

// Log is one log. Before it is stored it has no ID, and before it is in Kafka no
// BatchID either.
//
// An adapter that decodes many logs may hand out the same Log again and again
// with strings that alias its input: keep a Clone, not the Log.
type Log struct {
	ID         LogID
	BatchID    string
	Place      int       // in its batch, from 1, of a log that is in Kafka and that has no ID: see LiveID; 0: none
	Time       time.Time // when it happened, to the nanosecond
	ReceivedAt time.Time // when a collector or Millrace first saw it
	Level      Level
	Service    string
	Host       string
	Message    string
	Attributes json.RawMessage // one JSON object, or nil when there are none
	TraceID    string          // 32 lower-case hexadecimal digits, or empty
	SpanID     string          // 16 lower-case hexadecimal digits, or empty
}

// Clone returns a copy that shares nothing with the log.
func (l *Log) Clone() *Log {
	out := *l
	for _, text := range []*string{&out.BatchID, &out.Service, &out.Host, &out.Message, &out.TraceID, &out.SpanID} {
		*text = strings.Clone(*text)
	}
	out.Attributes = slices.Clone(l.Attributes)
	return &out
}

// Bytes is how many bytes the log's message and attributes have, by which lists
// of logs are bounded.
func (l *Log) Bytes() int { return len(l.Message) + len(l.Attributes) }

// LiveID names a log from the moment at which it is in Kafka: its batch, and its
// place in it from 0. Once it is stored, its LogID has the same place.
type LiveID struct {
	Batch string // BatchHead.ID
	Place int
}

// String returns the batch and the place, as in "k3v9-1001.17".
func (id LiveID) String() string { return id.Batch + "." + strconv.Itoa(id.Place) }

// ParseLiveID reads what String wrote.
func ParseLiveID(s string) (LiveID, bool) {
	at := strings.LastIndexByte(s, '.')
	if at < 0 {
		return LiveID{}, false
	}
	place, err := strconv.ParseUint(s[at+1:], 10, 32)
	if _, _, ok := ParseBatchID(s[:at]); !ok || err != nil || place >= MaxBatchCount {
		return LiveID{}, false
	}
	return LiveID{Batch: s[:at], Place: int(place)}, true
}

// LiveID returns the log's name in its batch; ok is false when it has none.
func (l *Log) LiveID() (id LiveID, ok bool) {
	switch {
	case l.BatchID == "":
		return LiveID{}, false
	case l.ID != 0:
		return LiveID{l.BatchID, l.ID.Place()}, true
	default:
		return LiveID{l.BatchID, l.Place - 1}, l.Place > 0
	}
}

// LogID names a stored log: the batch it came in and its place in it.
// Its order is the order of storing, which readers use to break ties of time.
type LogID int64

// placeBits is how much of a LogID is the place in the batch: 2^24 logs a
// batch leaves 2^39 batches, a thousand a second for seventeen years.
const placeBits = 24

// MaxBatchCount is the largest number of logs a batch may hold.
const MaxBatchCount = 1 << placeBits

// NewLogID names the log at a place (from 0) of the batch that has a number
// (from 1) in the ledger.
func NewLogID(batch int64, place int) LogID { return LogID(batch<<placeBits | int64(place)) }

// Batch returns the ledger's number of the batch.
func (id LogID) Batch() int64 { return int64(id) >> placeBits }

// Place returns the log's place in its batch, from 0.
func (id LogID) Place() int { return int(id & (MaxBatchCount - 1)) }

// String returns the batch's number and the place, as in "1841-17".
func (id LogID) String() string {
	return strconv.FormatInt(id.Batch(), 10) + "-" + strconv.Itoa(id.Place())
}

// ParseLogID reads what String wrote.
func ParseLogID(s string) (LogID, error) {
	batch, place, ok := strings.Cut(s, "-")
	b, errBatch := strconv.ParseInt(batch, 10, 64)
	p, errPlace := strconv.ParseUint(place, 10, 64)
	if !ok || errBatch != nil || errPlace != nil || b < 1 || b > 1<<(63-placeBits)-1 || p >= MaxBatchCount {
		return 0, fmt.Errorf("%q is no log id: want BATCH-PLACE, as in 1841-17", s)
	}
	return NewLogID(b, int(p)), nil
}
