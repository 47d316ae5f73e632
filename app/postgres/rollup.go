package postgres

import (
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// maxCounted is how many counts a batch adds with their services apart. A batch
// of ever new services would else have a count for each log.
const maxCounted = 300

// countKey is what logs are counted by as they are stored.
type countKey struct {
	minute  int64 // since 1970
	level   app.Level
	outside bool
	service string
	many    bool // of any service
}

// counts are a batch's.
type counts struct {
	by   map[countKey]int64
	last countKey // of the log before, which the next is often like
	run  int64
}

func (c *counts) reset() {
	if c.by == nil {
		c.by = map[countKey]int64{}
	}
	clear(c.by)
	c.run = 0
}

func (c *counts) add(log *app.Log, outside bool) {
	minute := log.Time.Unix() / 60
	if log.Time.Unix()%60 < 0 {
		minute--
	}
	key := countKey{minute: minute, level: log.Level, outside: outside, service: log.Service}
	if c.run > 0 && key != c.last {
		c.flush()
	}
	if c.run == 0 {
		key.service = strings.Clone(key.service) // the log may be gone with the next
		c.last = key
	}
	c.run++
}

func (c *counts) flush() {
	if c.run == 0 {
		return
	}
	key := c.last
	if _, known := c.by[key]; !known && len(c.by) >= maxCounted {
		key.service, key.many = "", true
	}
	c.by[key] += c.run
	c.run = 0
}

const insertCounts = `INSERT INTO log_counts (minute, level, outside, service, count)
	SELECT * FROM unnest($1::timestamptz[], $2::smallint[], $3::boolean[], $4::text[], $5::bigint[])`

const insertSignatures = `WITH runs AS (
		SELECT $1::bigint AS batch, * FROM unnest($2::integer[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::boolean[], $7::bytea[], $8::bytea[])
			AS r (first_place, last_place, first_time, last_time, outside, text, fields)
	), texts AS (
		INSERT INTO text_signatures SELECT batch, first_place, last_place, first_time, last_time, outside, text FROM runs
	)
	INSERT INTO field_signatures SELECT batch, first_place, last_place, first_time, last_time, outside, fields FROM runs`

// queueSearch adds to a transaction's end what searches and counts go by.
func (b *copyBuffer) queueSearch(closing *pgx.Batch, number int64) {
	var minutes []time.Time
	var levels []int16
	var outside []bool
	var services []*string
	var numbers []int64
	for key, n := range b.counts.by {
		minutes = append(minutes, time.Unix(key.minute*60, 0))
		levels = append(levels, int16(key.level))
		outside = append(outside, key.outside)
		service := &key.service
		if key.many {
			service = nil
		}
		services = append(services, service)
		numbers = append(numbers, n)
	}
	closing.Queue(insertCounts, minutes, levels, outside, services, numbers)
	var first, last []int32
	var begins, ends []time.Time
	var aside []bool
	var texts, fields [][]byte
	for i := range b.signer.runs {
		r := &b.signer.runs[i]
		first, last = append(first, int32(r.firstPlace)), append(last, int32(r.lastPlace))
		begins, ends = append(begins, r.firstTime), append(ends, r.lastTime)
		aside = append(aside, r.outside)
		texts, fields = append(texts, r.text), append(fields, r.fields)
	}
	closing.Queue(insertSignatures, number, first, last, begins, ends, aside, texts, fields)
}
