package ui

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"millrace/app"
)

// Roles asks the roles for their metrics. Safe for concurrent use.
type Roles interface {
	Metrics(ctx context.Context) []app.RoleMetrics
}

// minSpan is the shortest time over which a rate is reckoned.
const minSpan = 2 * time.Second

// rates keeps what counters were, to tell how fast they grow. Whoever looks first
// sees the mean since the role began.
type rates struct {
	mu   sync.Mutex
	seen map[string][2]point // guarded by mu; the one before, and the newest
}

type point struct {
	at    time.Time
	value float64
}

// of returns the rate of a counter of a role.
func (r *rates) of(role *app.RoleMetrics, name string) (rate float64, ok bool) {
	value, ok := role.Sum(name)
	if !ok {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string][2]point{}
	}
	key := role.URL + " " + name
	kept := r.seen[key]
	if kept[1].at.IsZero() || value < kept[1].value { // it began anew
		began, known := role.Sum("process_start_time_seconds")
		kept = [2]point{{at: time.Unix(0, int64(began*1e9))}, {role.At, value}}
		if !known {
			kept[0] = kept[1]
		}
	} else if role.At.Sub(kept[1].at) >= minSpan {
		kept = [2]point{kept[1], {role.At, value}}
	}
	r.seen[key] = kept
	span := kept[1].at.Sub(kept[0].at).Seconds()
	if span <= 0 {
		return 0, true
	}
	return (kept[1].value - kept[0].value) / span, true
}

// figure is one number of the pipeline, with what it is.
type figure struct {
	ID, Label string
	Value     string
	Note      string
	Grade     string // warn or error when somebody should look
	Share     int    // of what there may be, in percent; -1: it has no limit
}

// card is a role's figures.
type card struct {
	Title   string
	URL     string
	Error   string
	Figures []figure
	Sizes   []size // how large its batches are
	Lag     []lag
}

type size struct {
	Label  string
	Count  int64
	X, Y   float64
	Height float64
}

type lag struct {
	Partition string
	Records   int64
}

// cards returns a card for each role that answered or did not.
func (r *rates) cards(roles []app.RoleMetrics) []card {
	order := []string{"producer", "shipper", "consumer"}
	slices.SortStableFunc(roles, func(a, b app.RoleMetrics) int {
		if d := slices.Index(order, a.Role) - slices.Index(order, b.Role); d != 0 {
			return d
		}
		return strings.Compare(a.URL, b.URL)
	})
	var cards []card
	for i := range roles {
		c := carder{role: &roles[i], rates: r, card: card{Title: strings.ToUpper(roles[i].Role[:1]) + roles[i].Role[1:], URL: roles[i].URL, Error: roles[i].Error}, id: strconv.Itoa(i)}
		if roles[i].Error == "" {
			switch roles[i].Role {
			case "shipper":
				c.shipper()
			case "consumer":
				c.consumer()
			case "producer":
				c.rate("logs made", "logs_generated_total")
			}
		}
		cards = append(cards, c.card)
	}
	return cards
}

// carder makes one card.
type carder struct {
	role  *app.RoleMetrics
	rates *rates
	card  card
	id    string
}

func (c *carder) add(f figure) {
	f.ID = "f" + c.id + "-" + strconv.Itoa(len(c.card.Figures))
	c.card.Figures = append(c.card.Figures, f)
}

func (c *carder) rate(label, name string) {
	if rate, ok := c.rates.of(c.role, name); ok {
		c.add(figure{Label: label, Value: short(rate) + "/s", Share: -1})
	}
}

// fault shows a counter that should be 0.
func (c *carder) fault(label, name string) {
	value, ok := c.role.Sum(name)
	if !ok {
		return
	}
	f := figure{Label: label, Value: group(int64(value)), Share: -1}
	if value > 0 {
		f.Grade = "warn"
	}
	c.add(f)
}

func (c *carder) mean(label, name, unit string, factor float64) {
	sum, ok := c.role.Sum(name + "_sum")
	count, _ := c.role.Sum(name + "_count")
	if ok && count > 0 {
		c.add(figure{Label: label, Value: short(sum/count*factor) + unit, Share: -1})
	}
}

func (c *carder) shipper() {
	c.rate("logs received", "logs_received_total")
	c.rate("logs sent to Kafka", "logs_sent_total")
	c.rate("batches", "batches_sent_total")
	c.buffer()
	c.journal()
	c.breaker()
	c.fault("send failures", "kafka_send_failures_total")
	c.fault("refused, buffer full", "logs_rejected_total")
	c.fault("dropped", "logs_dropped_total")
	c.mean("mean batch", "batch_size_logs", " logs", 1)
	c.mean("mean fill", "batch_fill_ratio", " %", 100)
	c.mean("Kafka takes a batch in", "batch_flush_duration_seconds", " ms", 1000)
	c.card.Sizes = sizes(c.role)
}

func (c *carder) buffer() {
	size, ok := c.role.Sum("buffer_size")
	rest, known := c.role.Sum("buffer_remaining_capacity")
	if !ok {
		return
	}
	f := figure{Label: "buffer", Value: short(size) + " logs", Share: -1}
	if known {
		f.share(size, size+rest)
	}
	c.add(f)
}

func (c *carder) journal() {
	held, ok := c.role.Sum("journal_bytes")
	limit, _ := c.role.Sum("journal_limit_bytes")
	if !ok {
		return
	}
	f := figure{Label: "journal", Value: short(held) + " bytes", Share: -1}
	f.share(held, limit)
	if oldest, ok := c.role.Sum("journal_oldest_seconds"); ok && oldest > 0 {
		f.Note = "oldest waits " + short(oldest) + " s"
	}
	c.add(f)
}

func (c *carder) breaker() {
	for _, m := range c.role.Metrics {
		if m.Name == "kafka_breaker_state" && m.Value == 1 {
			f := figure{Label: "breaker", Value: m.Labels["state"], Share: -1}
			if f.Value != "closed" {
				f.Grade = "error"
			}
			c.add(f)
		}
	}
}

func (c *carder) consumer() {
	c.rate("logs stored", "logs_stored_total")
	c.rate("batches stored", "batches_stored_total")
	total := 0.0
	for _, m := range c.role.Metrics {
		if m.Name == "kafka_consumer_lag" && m.Labels["topic"] == app.TopicLogs {
			total += m.Value
			c.card.Lag = append(c.card.Lag, lag{m.Labels["partition"], int64(m.Value)})
		}
	}
	slices.SortFunc(c.card.Lag, func(a, b lag) int {
		return len(a.Partition)*1000 - len(b.Partition)*1000 + strings.Compare(a.Partition, b.Partition)
	})
	if len(c.card.Lag) > 0 {
		c.add(figure{Label: "Kafka lag", Value: short(total) + " batches", Share: -1})
	}
	c.mean("a transaction takes", "store_transaction_duration_seconds", " ms", 1000)
	c.fault("duplicates refused", "batches_duplicate_total")
	c.fault("quarantined", "batches_quarantined_total")
}

func (f *figure) share(part, whole float64) {
	if whole <= 0 {
		return
	}
	f.Share = int(math.Round(100 * part / whole))
	switch {
	case f.Share >= 90:
		f.Grade = "error"
	case f.Share >= 70:
		f.Grade = "warn"
	}
}

// sizes draws how many batches there were of each size.
func sizes(role *app.RoleMetrics) []size {
	type bucket struct{ bound, count float64 }
	var buckets []bucket
	for _, m := range role.Metrics {
		if m.Name != "batch_size_logs_bucket" {
			continue
		}
		if bound, err := strconv.ParseFloat(m.Labels["le"], 64); err == nil && !math.IsInf(bound, 1) {
			buckets = append(buckets, bucket{bound, m.Value})
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return int(a.bound - b.bound) })
	var out []size
	most, before := 1.0, 0.0
	for _, b := range buckets {
		most = max(most, b.count-before)
		before = b.count
	}
	before = 0
	for i, b := range buckets {
		height := (b.count - before) / most * 60
		if b.count > before {
			height = max(height, 1)
		}
		out = append(out, size{Label: "up to " + short(b.bound), Count: int64(b.count - before), X: float64(i * 20), Y: round(60 - height), Height: round(height)})
		before = b.count
	}
	return out
}

// short writes a number with three digits that matter.
func short(value float64) string {
	switch abs := math.Abs(value); {
	case abs >= 1e9:
		return fmt.Sprintf("%.3g", value/1e9) + " G"
	case abs >= 1e6:
		return fmt.Sprintf("%.3g", value/1e6) + " M"
	case abs >= 1e4:
		return fmt.Sprintf("%.3g", value/1e3) + " k"
	case abs >= 100 || value == math.Trunc(value):
		return fmt.Sprintf("%.0f", value)
	default:
		return fmt.Sprintf("%.2g", value)
	}
}
