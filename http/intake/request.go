package intake

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/labstack/echo/v4"

	"millrace/http/problem"
)

// postLogs answers POST /api/logs.
func (in *Intake) postLogs(c echo.Context) error {
	f, err := plainFormat(c.Request().Header.Get(echo.HeaderContentType))
	count := 0
	if err == nil {
		count, err = in.take(c, f)
	}
	if err != nil {
		in.cfg.Observer.Refused(reasonOf(err), count)
		return problem.WithAccepted(err, 0)
	}
	answer := make([]byte, 0, len(`{"accepted":}`)+20)
	answer = strconv.AppendInt(append(answer, `{"accepted":`...), int64(count), 10)
	return c.Blob(http.StatusAccepted, echo.MIMEApplicationJSON, append(answer, '}'))
}

// postOTLP answers POST /v1/logs.
func (in *Intake) postOTLP(c echo.Context) error {
	f, err := otlpFormat(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil { // and so the encoding that OTLP answers in is unknown
		in.cfg.Observer.Refused(reasonOf(err), 0)
		return err
	}
	json := f == formatOTLPJSON
	count, err := in.take(c, f)
	if err != nil {
		in.cfg.Observer.Refused(reasonOf(err), count)
		return &otlpRefusal{err, in.cfg.Codec, json}
	}
	return c.Blob(http.StatusOK, otlpContentType(json), in.cfg.Codec.Response(count, json))
}

// take reads a request, hands its logs on, and waits for what becomes of them.
// With an error none was taken, and count is how many there were, if known.
func (in *Intake) take(c echo.Context, f format) (count int, err error) {
	if err := in.enter(); err != nil {
		return 0, err
	}
	defer in.leave()
	payload, f, size, err := in.readLogs(c.Request(), f)
	if err != nil {
		return 0, err
	}
	if payload.count > 0 { // a request without logs is no message
		if err := in.deliver(c.Request().Context(), newMessage(c, payload, f)); err != nil {
			return payload.count, err
		}
	}
	in.cfg.Observer.Received(string(f), payload.count, size)
	return payload.count, nil
}

// enter takes a slot, unless requests would be refused anyway.
func (in *Intake) enter() error {
	if err := in.Check(context.Background()); err != nil {
		return err
	}
	select {
	case in.slots <- struct{}{}:
		return nil
	default:
		return errBusy
	}
}

func (in *Intake) leave() { <-in.slots }

// logs are a request's logs as OTLP.
type logs struct {
	payload []byte
	count   int
}

// readLogs reads a request's body and returns its logs, the format they came
// in, and the size of the body.
func (in *Intake) readLogs(r *http.Request, f format) (l logs, _ format, size int, err error) {
	s := scratches.Get().(*scratch)
	defer in.release(s)
	if err := in.readBody(r, s); err != nil {
		return l, f, 0, err
	}
	body := s.buf
	if f == formatSniffed {
		f = sniff(body)
	}
	if f != formatOTLPProto && len(bytes.TrimSpace(body)) == 0 {
		return l, f, 0, errEmpty
	}
	switch f {
	case formatOTLPProto:
		// Cloned last: bytes that are no request cost no memory.
		if l.count, err = in.cfg.Codec.Count(body); err == nil {
			l.payload = bytes.Clone(body)
		}
	case formatOTLPJSON:
		l.payload, l.count, err = in.cfg.Codec.FromOTLPJSON(body)
	case formatNDJSON:
		l.payload, l.count, err = in.cfg.Codec.FromNDJSON(body, time.Now())
	default:
		l.payload, l.count, err = in.cfg.Codec.FromJSON(body, time.Now())
	}
	return l, f, len(body), err
}

// newMessage makes the message of a request. It is named like the request, so
// that one id leads through every log.
func newMessage(c echo.Context, l logs, f format) *message.Message {
	id := c.Response().Header().Get(echo.HeaderXRequestID)
	if id == "" {
		id = watermill.NewUUID()
	}
	msg := message.NewMessage(id, l.payload)
	msg.Metadata[MetaCount] = strconv.Itoa(l.count)
	msg.Metadata[MetaFormat] = string(f)
	msg.Metadata[MetaCorrelationID] = id
	header := c.Request().Header
	for _, h := range handedOn {
		if value := header[h.name]; len(value) == 1 && value[0] != "" {
			msg.Metadata[h.key] = value[0]
		}
	}
	return msg
}

// handedOn are the headers, in their canonical form, that become metadata.
var handedOn = []struct{ name, key string }{
	{"X-Correlation-Id", MetaCorrelationID},
	{"Traceparent", "traceparent"},
	{"Tracestate", "tracestate"},
}
