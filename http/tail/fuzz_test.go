package tail_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"millrace/app"
	"millrace/http/openapi"
	"millrace/http/server"
	"millrace/http/tail"
)

// FuzzTail: whatever is asked, it is refused by name, or is a filter and a place
// that the server gave; the place in the header goes before the one in the URL.
func FuzzTail(f *testing.F) {
	place := app.TailPlace{Positions: app.Positions{0: 7, 2: 9}, Partition: 2, Seen: 5}.String()
	f.Add("service=a&text!=b&regex=c", "", "")
	f.Add("attr.a=1", place, "")
	f.Add("", place, "AQ")
	f.Add("from=-1h", "", place)
	f.Add("regex=(", "\x7f", place)
	document, err := openapi.Read()
	if err != nil {
		f.Fatal(err)
	}
	e := server.New(server.Config{Logger: slog.New(slog.DiscardHandler)})
	if err := tail.Mount(e, tail.Config{Document: document}); err != nil { // without Kafka, nobody is followed
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, rawQuery, header, parameter string) {
		r := httptest.NewRequest(http.MethodGet, "/api/logs/tail", nil)
		r.URL.RawQuery = rawQuery
		if parameter != "" {
			values := r.URL.Query()
			values.Set("last_event_id", parameter)
			r.URL.RawQuery = values.Encode()
		}
		r.Header["Last-Event-Id"] = []string{header}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusBadRequest:
		case http.StatusServiceUnavailable: // all of it was right
			id := header
			if id == "" {
				id = parameter
			}
			if _, err := app.ParseTailPlace(id, "id"); err != nil && id != "" {
				t.Errorf("%q is taken for a place", id)
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}
