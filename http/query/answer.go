package query

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

var jsonType = []string{echo.MIMEApplicationJSON}

// document is an answer that is JSON already: a log knows itself how it is
// written, and faster than by reflection.
type document struct {
	body   []byte
	header http.Header // or nil
}

func (d document) write(w http.ResponseWriter) error {
	for name, values := range d.header {
		w.Header()[name] = values
	}
	w.Header()[echo.HeaderContentType] = jsonType
	w.Header().Set(echo.HeaderContentLength, strconv.Itoa(len(d.body)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(d.body)
	return err
}

// VisitSearchLogsResponse implements SearchLogsResponseObject.
func (d document) VisitSearchLogsResponse(w http.ResponseWriter) error { return d.write(w) }

// VisitGetLogResponse implements GetLogResponseObject.
func (d document) VisitGetLogResponse(w http.ResponseWriter) error { return d.write(w) }

// VisitGetLogContextResponse implements GetLogContextResponseObject.
func (d document) VisitGetLogContextResponse(w http.ResponseWriter) error { return d.write(w) }

// typicalLog is the size of most logs, to begin with.
const typicalLog = 256

// appendLogs appends logs to dst as a JSON array.
func appendLogs(dst []byte, logs []app.Log) []byte {
	dst = append(dst, '[')
	for i := range logs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = logs[i].AppendJSON(dst)
	}
	return append(dst, ']')
}
