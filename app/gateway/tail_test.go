package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"

	"millrace/app"
	"millrace/app/gateway"
)

// clientOf returns a client of a gateway that answers so.
func clientOf(t *testing.T, answer http.HandlerFunc) *gateway.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	client, err := gateway.New(server.URL, app.HTTPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// A connection that breaks off is made again, where it was.
func TestATailGoesOnWhereItWas(t *testing.T) {
	var places []string
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		places = append(places, r.Header.Get("Last-Event-ID"))
		if len(places) == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "retry: 1000\nid: p0\n\nid: p%d\nevent: log\ndata: {\"message\":\"%[1]d\"}\n\n:\nid: q%[1]d\n\n", len(places))
		fmt.Fprint(w, "event: missed\ndata: {\"logs\":7}\n\nevent: missed\ndata: {\"batches\":2}\n\nevent: other\ndata: x\n\n")
	})
	enough := errors.New("enough")
	var told []string
	err := client.Tail(t.Context(), url.Values{"service": {"a"}}, func(e gateway.TailEvent) error {
		switch {
		case e.Back:
			told = append(told, "back")
		case e.Lost != nil:
			told = append(told, "lost")
		case e.Missed+e.Gone > 0:
			told = append(told, fmt.Sprint("missed ", e.Missed, e.Gone))
		default:
			told = append(told, string(e.Log))
		}
		if len(told) == 7 {
			return enough
		}
		return nil
	})
	want := []string{"back", `{"message":"1"}`, "missed 7 0", "missed 0 2", "lost", "back", `{"message":"3"}`}
	if !errors.Is(err, enough) || !reflect.DeepEqual(told, want) {
		t.Errorf("%v, %q", err, told)
	}
	if !reflect.DeepEqual(places, []string{"", "q1", "q1"}) {
		t.Errorf("it asked to go on from %q", places)
	}
}

// An event that broke off on its way was not told: it comes again.
func TestAnEventThatIsCutComesAgain(t *testing.T) {
	var places []string
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		places = append(places, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		const event = "id: p2\nevent: log\ndata: {\"message\":\"two\"}\n\n"
		if len(places) == 1 {
			fmt.Fprint(w, "id: p1\nevent: log\ndata: {\"message\":\"one\"}\n\n"+event[:30])
			return
		}
		fmt.Fprint(w, event)
	})
	enough := errors.New("enough")
	var told []string
	err := client.Tail(t.Context(), nil, func(e gateway.TailEvent) error {
		if e.Log != nil {
			told = append(told, string(e.Log))
		}
		if len(told) == 2 {
			return enough
		}
		return nil
	})
	if want := []string{`{"message":"one"}`, `{"message":"two"}`}; !errors.Is(err, enough) || !reflect.DeepEqual(told, want) {
		t.Errorf("%v, %q", err, told)
	}
	if !reflect.DeepEqual(places, []string{"", "p1"}) {
		t.Errorf("it asked to go on from %q", places)
	}
}

func TestATailThatIsRefusedEnds(t *testing.T) {
	for status, kind := range map[int]app.Kind{400: app.KindInvalid, 401: app.KindUnauthenticated, 503: app.KindUnavailable} {
		client := clientOf(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		err := client.Tail(t.Context(), nil, func(gateway.TailEvent) error { return nil })
		if app.KindOf(err) != kind {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestLogsArePaged(t *testing.T) {
	var asked []string
	client := clientOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		if r.URL.Query().Get("cursor") == "" {
			fmt.Fprint(w, `{"logs":[{"message":"1"},{"message":"2"}],"next":"c"}`)
			return
		}
		fmt.Fprint(w, `{"logs":[{"message":"3"}],"next":null}`)
	})
	count := 0
	err := client.ReadLogs(context.Background(), url.Values{"service": {"a"}}, 1500, func(gateway.RawLog) error { count++; return nil })
	if err != nil || count != 3 || !reflect.DeepEqual(asked, []string{"limit=1000&service=a", "cursor=c&limit=1000&service=a"}) {
		t.Errorf("%v, %d, %q", err, count, asked)
	}
}
