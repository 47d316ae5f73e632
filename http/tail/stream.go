package tail

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

const (
	// writeTimeout is how long a client may take to read what is written at
	// once.
	writeTimeout = 30 * time.Second
	// retry is when an EventSource comes back, in milliseconds.
	retry = "1000"
)

// stream writes server-sent events.
type stream struct {
	response *echo.Response
	control  *http.ResponseController
	buffer   []byte
}

func setHeaders(header http.Header) {
	header.Set(echo.HeaderContentType, "text/event-stream")
	header.Set(echo.HeaderCacheControl, "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would keep events back
}

// newStream takes the server's limits of time off a response: it bounds each
// write by itself.
func newStream(response *echo.Response) *stream {
	s := &stream{response: response, control: http.NewResponseController(response)}
	_ = s.control.SetReadDeadline(time.Time{}) // a recorder, in tests, has none
	setHeaders(response.Header())
	return s
}

// begin writes the head, and the place from which a client goes on that is cut
// off before the first event. A block without data sets the id and is no event.
func (s *stream) begin(place string) error {
	s.response.WriteHeader(http.StatusOK)
	s.buffer = append(s.buffer, "retry: "+retry+"\nid: "+place+"\n\n"...)
	return s.send()
}

func (s *stream) beat(place string) error {
	s.buffer = append(s.buffer, ":\nid: "+place+"\n\n"...)
	return s.send()
}

// comment tells whoever looks at the stream itself.
func (s *stream) comment(text string) error {
	s.buffer = append(s.buffer, ": "+strings.ReplaceAll(text, "\n", " ")+"\n\n"...)
	return s.send()
}

func (s *stream) events(events []app.TailEvent) error {
	for _, e := range events {
		s.buffer = append(s.buffer, "id: "+e.Place...)
		if e.Log != nil {
			s.buffer = append(s.buffer, "\nevent: log\ndata: "...)
			s.buffer = e.Log.AppendJSON(s.buffer) // on one line: it escapes line ends
		} else {
			s.buffer = append(s.buffer, "\nevent: missed\ndata: "...)
			s.buffer = appendMissed(s.buffer, e)
		}
		s.buffer = append(s.buffer, "\n\n"...)
	}
	return s.send()
}

func appendMissed(dst []byte, e app.TailEvent) []byte {
	if e.Gone > 0 {
		return append(strconv.AppendInt(append(dst, `{"batches":`...), e.Gone, 10), '}')
	}
	return append(strconv.AppendInt(append(dst, `{"logs":`...), e.Missed, 10), '}')
}

// maxKept is the size of the buffer that is kept from one write to the next.
const maxKept = 256 << 10

func (s *stream) send() error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.response.Write(s.buffer)
	if err == nil {
		err = s.control.Flush()
	}
	if s.buffer = s.buffer[:0]; cap(s.buffer) > maxKept {
		s.buffer = nil
	}
	return err
}
