package postgres

import (
	"encoding/binary"
	"math"
	"time"

	"millrace/app"
)

// copyLogs reads what copyBuffer writes. The columns are in its order.
const copyLogs = `COPY logs (id, time, received_at, time_ns, level, outside, service, host, message, attributes, trace_id, span_id) FROM STDIN (FORMAT binary)`

const copyColumns = 12

// The binary format of COPY begins with this signature, flags and the length of
// an extension, and ends with a row of -1 columns.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

// jsonbVersion precedes the text of a jsonb in binary form.
const jsonbVersion = 1

// postgresEpoch is where PostgreSQL begins to count microseconds.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// copyBuffer holds logs as the stream that COPY reads: one buffer, written in
// one walk, without an allocation for each log. The ids are filled in last,
// since the batch's number is known only within its transaction.
type copyBuffer struct {
	data        []byte
	rows        []row     // the logs that are in data
	end         int       // of the last row in data
	place       int       // of the next log in its batch
	days        []day     // inside the window, each once
	outside     int       // logs outside the window
	repaired    int       // logs that are not as they came
	first, last time.Time // of the logs' times
	counts      counts    // of the logs, by minute
	signer      signer    // what searches go by
}

// row is one log in a copyBuffer.
type row struct {
	id    int // where its id stands in data
	place int // in the batch
}

// begin returns where the row begins: the number of columns and the length of
// the id come before the id.
func (r row) begin() int { return r.id - 6 }

func (b *copyBuffer) reset() {
	b.data = append(b.data[:0], copyHeader...)
	b.rows, b.place, b.end = b.rows[:0], 0, len(copyHeader)
	b.days = b.days[:0]
	b.outside, b.repaired = 0, 0
	b.counts.reset()
	b.signer.reset()
}

// add appends one log, which must be storable. days are the run of days that
// have partitions of their own.
func (b *copyBuffer) add(log *app.Log, days window) {
	outside := !b.span(log.Time, days)
	b.counts.add(log, outside)
	b.signer.add(b.place, log, outside)
	d := binary.BigEndian.AppendUint16(b.data, copyColumns)
	d = binary.BigEndian.AppendUint32(d, 8)
	b.rows = append(b.rows, row{len(d), b.place})
	b.place++
	d = binary.BigEndian.AppendUint64(d, 0)
	d = appendInt64(d, log.Time.UnixMicro()-postgresEpoch)
	d = appendInt64(d, log.ReceivedAt.UnixMicro()-postgresEpoch)
	d = appendInt16(d, int16(log.Time.Nanosecond()%1000))
	d = appendInt16(d, int16(log.Level))
	d = append(d, 0, 0, 0, 1, 0)
	if outside {
		b.outside++
		d[len(d)-1] = 1
	}
	d = appendText(d, log.Service)
	d = appendText(d, log.Host)
	d = appendText(d, log.Message)
	if len(log.Attributes) == 0 {
		d = appendNull(d)
	} else {
		d = binary.BigEndian.AppendUint32(d, uint32(len(log.Attributes)+1))
		d = append(d, jsonbVersion)
		d = append(d, log.Attributes...)
	}
	d = appendHex(d, log.TraceID)
	d = appendHex(d, log.SpanID)
	b.data, b.end = d, len(d)
}

// skip leaves out the next log.
func (b *copyBuffer) skip() { b.place++ }

// span takes note of a log's time, and tells whether its day is in the window.
func (b *copyBuffer) span(t time.Time, days window) bool {
	if len(b.rows) == 0 || t.Before(b.first) {
		b.first = t
	}
	if len(b.rows) == 0 || t.After(b.last) {
		b.last = t
	}
	d := dayOf(t)
	if !days.holds(d) {
		return false
	}
	for _, known := range b.days {
		if known == d {
			return true
		}
	}
	b.days = append(b.days, d)
	return true
}

// finish fills in the ids of the batch with a number, and ends the stream.
func (b *copyBuffer) finish(number int64) []byte {
	b.counts.flush()
	b.signer.finish()
	for _, r := range b.rows {
		binary.BigEndian.PutUint64(b.data[r.id:], uint64(app.NewLogID(number, r.place)))
	}
	b.data = append(b.data[:b.end], copyTrailer...)
	return b.data
}

func appendInt64(d []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(d, 8), uint64(v))
}

func appendInt16(d []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(d, 2), uint16(v))
}

func appendText(d []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(d, uint32(len(s))), s...)
}

// appendHex appends the bytes that hexadecimal digits (isHex) stand for, or
// NULL when there are none.
func appendHex(d []byte, digits string) []byte {
	if digits == "" {
		return appendNull(d)
	}
	d = binary.BigEndian.AppendUint32(d, uint32(len(digits)/2))
	for i := 0; i < len(digits); i += 2 {
		d = append(d, unhex[digits[i]]<<4|unhex[digits[i+1]])
	}
	return d
}

func appendNull(d []byte) []byte { return binary.BigEndian.AppendUint32(d, math.MaxUint32) }
