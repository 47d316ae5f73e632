// Package synthetic makes logs as a small shop's services would write them:
// requests that pass through several services under one trace, mostly fine,
// sometimes slow, now and then a burst of errors.
package synthetic

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"

	"millrace/app"
)

// Generator makes logs, the same ones for the same seed. Not safe for
// concurrent use.
type Generator struct {
	random  *rand.Rand
	trace   string
	step    int // of the request that is being told
	steps   int
	user    int
	trouble int // requests of the present burst of errors that are left
}

// New returns a Generator.
func New(seed uint64) *Generator {
	return &Generator{random: rand.New(rand.NewPCG(seed, 0))}
}

// event is what a service has to tell at a step of a request.
type event struct {
	service, method, path string
	message               string // followed by the number that its field names
	field                 string
	slow                  float64 // milliseconds it takes, on average
}

var events = []event{
	{"gateway", "GET", "/cart", "request from user ", "user_id", 2},
	{"auth", "POST", "/token", "token checked for user ", "user_id", 8},
	{"checkout", "POST", "/orders", "order placed by user ", "user_id", 40},
	{"inventory", "PUT", "/stock", "stock reserved for item ", "item_id", 15},
	{"payments", "POST", "/charge", "card charged for order ", "order_id", 120},
	{"search", "GET", "/search", "results ranked for query ", "query_id", 25},
	{"shipping", "POST", "/labels", "label printed for order ", "order_id", 30},
	{"email", "POST", "/send", "confirmation queued for order ", "order_id", 10},
}

var troubles = []string{
	"connection to payments-db refused, order ",
	"timeout after 3 tries, order ",
	"circuit breaker open for bank-api, order ",
}

// Next returns the next log, as of now.
func (g *Generator) Next(now time.Time) app.Log {
	if g.step == g.steps {
		g.begin()
	}
	e := events[g.step%len(events)]
	g.step++
	number := g.random.IntN(100_000)
	if e.field == "user_id" {
		number = g.user
	}
	level, status, message := g.level(), 200, e.message
	took := e.slow * (0.5 + g.random.ExpFloat64())
	switch level {
	case app.LevelWarn:
		message, took = "slow: "+message, took*10
	case app.LevelError, app.LevelFatal:
		message, status = troubles[g.random.IntN(len(troubles))], 503
	}
	return app.Log{
		Time: now, Level: level, Service: e.service, Host: e.service + "-" + strconv.Itoa(g.random.IntN(3)+1),
		Message:    message + strconv.Itoa(number),
		Attributes: attributes(e, status, took, number),
		TraceID:    g.trace, SpanID: g.hex(8),
	}
}

// begin starts the next request.
func (g *Generator) begin() {
	g.step, g.steps = 0, 3+g.random.IntN(len(events)-2)
	g.trace, g.user = g.hex(16), g.random.IntN(5_000)
	switch {
	case g.trouble > 0:
		g.trouble--
	case g.random.IntN(500) == 0:
		g.trouble = 20 // something broke, and stays broken for a while
	}
}

func (g *Generator) level() app.Level {
	n := g.random.IntN(1000)
	switch {
	case g.trouble > 0 && n < 500 || n < 8:
		return app.LevelError
	case n < 40:
		return app.LevelWarn
	case n < 200:
		return app.LevelDebug
	case n < 201:
		return app.LevelFatal
	default:
		return app.LevelInfo
	}
}

func (g *Generator) hex(size int) string {
	var b [16]byte
	for i := 0; i < size; i++ {
		b[i] = byte(g.random.Uint32())
	}
	b[0] |= 1 // all zeros is no id
	return hex.EncodeToString(b[:size])
}

func attributes(e event, status int, took float64, number int) json.RawMessage {
	b := make([]byte, 0, 160)
	b = append(b, `{"http":{"method":"`...)
	b = append(b, e.method...)
	b = append(b, `","path":"`...)
	b = append(b, e.path...)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, `},"duration_ms":`...)
	b = strconv.AppendFloat(b, took, 'f', 2, 64)
	b = append(b, `,"`...)
	b = append(b, e.field...)
	b = append(b, `":`...)
	b = strconv.AppendInt(b, int64(number), 10)
	return append(b, '}')
}
