package query

import (
	"bufio"
	"encoding/csv"
	"strings"
	"time"

	"millrace/app"
)

// exportForm is how an export is written.
type exportForm struct {
	contentType, suffix string
	rows                func(*bufio.Writer, EncodeOTLP) exportRows
}

// exportRows writes logs one by one.
type exportRows interface {
	begin() error
	add(*app.Log) error
	end() error
}

// EncodeOTLP writes logs as one ExportLogsServiceRequest in JSON.
type EncodeOTLP func(dst []byte, logs []app.Log) ([]byte, error)

const ndjson = "application/x-ndjson"

var exportForms = map[string]exportForm{
	"ndjson": {ndjson, "ndjson", func(w *bufio.Writer, _ EncodeOTLP) exportRows { return &jsonRows{w: w} }},
	"csv":    {"text/csv; charset=utf-8", "csv", func(w *bufio.Writer, _ EncodeOTLP) exportRows { return &csvRows{w: csv.NewWriter(w)} }},
	"otlp":   {ndjson, "otlp.ndjson", func(w *bufio.Writer, encode EncodeOTLP) exportRows { return &otlpRows{w: w, encode: encode} }},
}

// jsonRows writes one log as JSON on each line.
type jsonRows struct {
	w    *bufio.Writer
	line []byte
}

func (r *jsonRows) begin() error { return nil }

func (r *jsonRows) add(log *app.Log) error {
	r.line = append(log.AppendJSON(r.line[:0]), '\n')
	_, err := r.w.Write(r.line)
	return err
}

func (r *jsonRows) end() error { return nil }

// csvRows writes a table with a header.
type csvRows struct{ w *csv.Writer }

func (r *csvRows) begin() error {
	return r.w.Write([]string{"id", "timestamp", "level", "service", "host", "message", "attributes", "trace_id", "span_id", "received_at", "batch_id"})
}

func (r *csvRows) add(log *app.Log) error {
	row := []string{
		log.ID.String(), log.Time.UTC().Format(time.RFC3339Nano), log.Level.String(), log.Service, log.Host, log.Message, string(log.Attributes),
		log.TraceID, log.SpanID, log.ReceivedAt.UTC().Format(time.RFC3339Nano), log.BatchID,
	}
	for i := range row {
		row[i] = neutral(row[i])
	}
	return r.w.Write(row)
}

func (r *csvRows) end() error {
	r.w.Flush()
	return r.w.Error()
}

// formulaStarts begin what a spreadsheet would run, or may begin with what it
// strips in front of such.
const formulaStarts = "=+-@\t\r\n"

// neutral puts an apostrophe before what a spreadsheet would take for a formula.
func neutral(value string) string {
	if value != "" && strings.IndexByte(formulaStarts, value[0]) >= 0 {
		return "'" + value
	}
	return value
}

// otlpChunk is how many logs are in one request, on one line; a client of OTLP
// takes some megabytes at once.
const otlpChunk = 500

// otlpRows writes requests of OTLP, one on each line.
type otlpRows struct {
	w      *bufio.Writer
	encode EncodeOTLP
	logs   []app.Log
	line   []byte
}

func (r *otlpRows) begin() error { return nil }

func (r *otlpRows) add(log *app.Log) error {
	r.logs = append(r.logs, *log)
	if len(r.logs) < otlpChunk {
		return nil
	}
	return r.end()
}

func (r *otlpRows) end() (err error) {
	if len(r.logs) == 0 {
		return nil
	}
	if r.line, err = r.encode(r.line[:0], r.logs); err != nil {
		return err
	}
	r.logs = r.logs[:0]
	_, err = r.w.Write(append(r.line, '\n'))
	return err
}
