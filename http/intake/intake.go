package intake

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/labstack/echo/v4"

	"millrace/app"
)

// Metadata keys of a message, beside those of W3C trace context (traceparent,
// tracestate), which are handed on from the request's headers.
const (
	MetaCount         = "count"          // logs in the payload, a decimal number
	MetaFormat        = "format"         // what the logs came as: json, ndjson, otlp_proto or otlp_json
	MetaCorrelationID = "correlation_id" // X-Correlation-ID, else the request's id
)

// Decoder turns what clients send into payloads, each the bytes of one
// ExportLogsServiceRequest, and says how many logs a payload holds. Errors
// about the input are an *app.Error of app.KindInvalid that names the line and
// the member. A payload must not share memory with the body it was made of,
// which is used again. Safe for concurrent use.
type Decoder interface {
	// Count checks a payload and counts its logs.
	Count(payload []byte) (int, error)
	// FromJSON reads one object or an array of objects. received is the time
	// of logs that carry none.
	FromJSON(body []byte, received time.Time) (payload []byte, count int, err error)
	// FromNDJSON reads one object a line.
	FromNDJSON(body []byte, received time.Time) (payload []byte, count int, err error)
	// FromOTLPJSON reads an ExportLogsServiceRequest in OTLP's JSON.
	FromOTLPJSON(body []byte) (payload []byte, count int, err error)
}

// Answers makes the bodies that OTLP clients understand, in JSON if json, else
// in protobuf. Safe for concurrent use.
type Answers interface {
	// Response is an ExportLogsServiceResponse: all logs were taken, and so
	// many they were. Of a request without any it warns.
	Response(logs int, json bool) []byte
	// Status is a google.rpc.Status: none was, for this reason.
	Status(kind app.Kind, message string, json bool) []byte
}

// Codec is both.
type Codec interface {
	Decoder
	Answers
}

// Observer is told of each request once it is answered. It must be fast: the
// client waits for it. Safe for concurrent use.
type Observer interface {
	// Received tells of a request whose logs were taken: how many, and the
	// size of the body without compression. format is as in MetaFormat.
	Received(format string, logs, bytes int)
	// Refused tells of a request that was refused. reason is invalid,
	// too_large, unsupported, busy, full, unavailable, timeout, conflict or
	// internal; logs is 0 when the body was not, or could not be, read.
	Refused(reason string, logs int)
}

// Config is how intake is set up.
type Config struct {
	Codec       Codec    // required
	Observer    Observer // may be nil
	MaxBody     int64    // largest body in bytes, after decompression; 0 means 16 MiB
	MaxRequests int      // requests handled at once; 0 means 1024
	// MaxMemory is how many bytes all bodies in hand may have together; 0
	// means as many as 16 of the largest.
	MaxMemory int64
	// Timeout is how long logs wait to be taken, and with it their client; 0
	// means 30 s.
	Timeout time.Duration
}

func (c *Config) setDefaults() {
	if c.MaxBody == 0 {
		c.MaxBody = 16 << 20
	}
	if c.MaxRequests == 0 {
		c.MaxRequests = 1024
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = 16 * c.MaxBody
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
}

// Validate returns what cannot be right.
func (c *Config) Validate() error {
	switch {
	case c.Codec == nil:
		return errors.New("intake: Codec is missing")
	case c.MaxBody < 0 || c.MaxRequests < 0 || c.Timeout < 0:
		return errors.New("intake: MaxBody, MaxRequests and Timeout must not be negative")
	case c.MaxMemory < c.MaxBody:
		return errors.New("intake: MaxMemory must have room for one body of MaxBody")
	}
	return nil
}

// Intake takes logs over HTTP and is the message.Subscriber of the requests.
// Its methods are safe for concurrent use.
type Intake struct {
	cfg           Config
	decompressors decompressors

	// slots holds one token for each request in hand.
	slots chan struct{}
	// inHand is the bytes of body that those requests hold.
	inHand atomic.Int64

	closing   chan struct{} // closed when Close begins
	abandoned chan struct{} // closed when Close waits for messages no longer
	drained   chan struct{} // closed when Close has no message left to wait for
	closeOnce sync.Once
	closeErr  error // set once, by closeOnce

	mu      sync.RWMutex  // guards the following
	closed  bool          // Close was called
	current *subscription // nil when nobody is subscribed

	delivering    sync.WaitGroup // requests with a message; none is added once closed
	subscriptions sync.WaitGroup // the goroutines of subscriptions
}

var _ message.Subscriber = (*Intake)(nil)

// New returns an Intake that refuses requests until someone subscribes.
func New(cfg Config) (*Intake, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Intake{
		cfg:           cfg,
		decompressors: newDecompressors(cfg.MaxBody),
		slots:         make(chan struct{}, cfg.MaxRequests),
		closing:       make(chan struct{}),
		abandoned:     make(chan struct{}),
		drained:       make(chan struct{}),
	}, nil
}

// Mount adds the endpoints to a server.
func (in *Intake) Mount(e *echo.Echo) {
	e.POST("/api/logs", in.postLogs)
	e.POST("/v1/logs", in.postOTLP)
}

type nobody struct{}

func (nobody) Received(string, int, int) {}
func (nobody) Refused(string, int)       {}
