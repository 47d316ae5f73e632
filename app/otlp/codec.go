package otlp

import (
	"math"
	"time"

	"millrace/app"
)

// Codec reads payloads: it fills app.BatchCodec. Its zero value is ready.
type Codec struct{}

var _ app.BatchCodec = Codec{}

// Count is the function Count.
func (Codec) Count(payload []byte) (int, error) { return Count(payload) }

// Logs walks the logs of a payload.
//
// Each step hands out the same app.Log: it is valid until the next step, and
// its strings alias payload, which must not change while they are in use. A
// walk allocates little and nothing per log; it may be repeated, also at the
// same time. It ends with an error of app.KindInvalid where the payload
// cannot be read, which never happens to one that Count accepts.
//
// How an OpenTelemetry log becomes an app.Log:
//
//   - Service and Host are the resource's service.name and host.name, when
//     these are strings.
//   - Level is that of the severity number; without one, that of the severity
//     text; else INFO.
//   - Time is the log's time, else its observed time, else received.
//     ReceivedAt is the observed time, else received.
//   - Message is the body: a string as it is, anything else as JSON.
//   - TraceID and SpanID are lower-case hexadecimal; ids of another length
//     and ids of zeros are none.
//   - Attributes has the log's attributes (of one key the last), then what
//     else the log says: event.name; severity_text when it is not the level's
//     name; severity_number when it is not the level's lowest; flags and
//     dropped_attributes_count when they are not 0. Then what it shares with
//     others: otel.scope.name, otel.scope.version, the scope's attributes and
//     the resource's other ones. Of a key that is taken, the later one gets a
//     prefix: "log.", "scope." or "resource.", so that nothing is lost.
//
// Values keep their type in JSON. Bytes are base64 text, an empty value is
// null, and NaN and the infinities are the strings "NaN", "Infinity" and
// "-Infinity". Text that is not UTF-8 becomes an object with the readable
// text and the exact bytes, {"text":"caf\ufffd","base64":"Y2Fm6Q=="}; in a key,
// a bad byte becomes \xe9 in four characters. Service, Host and Message are
// handed out as they are, valid UTF-8 or not.
//
// Schema URLs, entity references and unknown fields are not shown.
func (Codec) Logs(payload []byte, received time.Time) app.LogSeq {
	return func(yield func(*app.Log, error) bool) {
		w := walker{received: received, yield: yield}
		if !w.request(payload) && !w.stopped {
			yield(nil, errBroken("some are cut off, or are no protobuf"))
		}
	}
}

// One returns one log as a payload of its own, with its resource and scope.
func (Codec) One(payload []byte, place int) ([]byte, error) {
	cutter := NewCutter(payload)
	if _, n, err := cutter.Next(place, math.MaxInt); err != nil {
		return nil, err
	} else if n < place {
		return nil, app.Errorf(app.KindInvalid, "the payload has %d logs: there is none at place %d", n, place)
	}
	one, n, err := cutter.Next(1, math.MaxInt)
	if err == nil && n == 0 {
		err = app.Errorf(app.KindInvalid, "the payload has %d logs: there is none at place %d", place, place)
	}
	return one, err
}
