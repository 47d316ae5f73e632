package ui_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/http/ui"
)

const placePath = "/api/logs/tail/place"

// dataOf returns what the button for live logs has for the script.
func dataOf(t *testing.T, body, name string) *url.URL {
	t.Helper()
	found := regexp.MustCompile(`id="live"[^>]* data-` + name + `="([^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		return nil
	}
	u, err := url.Parse(html.UnescapeString(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTheStreamOfALivePageBeginsBeforeItsLogs(t *testing.T) {
	e, fake := newPages(t, map[string]string{"/api/logs": hostile, placePath: `{"last_event_id":"AQEAKgA"}`})
	body := get(e, "/?service=a&level!=DEBUG&from=-15m&limit=50&live=1").Body.String()
	place, list := slices.Index(fake.order, placePath), slices.Index(fake.order, "/api/logs")
	if place < 0 || list < place {
		t.Errorf("it asked for %v", fake.order)
	}
	want := url.Values{"service": {"a"}, "level!": {"DEBUG"}, "last_event_id": {"AQEAKgA"}}
	if stream := dataOf(t, body, "stream"); stream == nil || stream.Path != "/ui/tail" || stream.RawQuery != want.Encode() {
		t.Errorf("the stream is %s", stream)
	}
}

// A page that is not live costs nothing for it, and leads to one that is.
func TestAPageThatIsNotLiveLeadsToOneThatIs(t *testing.T) {
	e, fake := newPages(t, map[string]string{"/api/logs": hostile, placePath: `{"last_event_id":"AQEAKgA"}`})
	for _, address := range []string{"/?service=a&from=-15m", "/?service=a&from=-15m&to=-5m", "/?service=a&from=-15m&order=oldest", "/?service=a&from=-15m&cursor=C"} {
		body := get(e, address).Body.String()
		want := url.Values{"service": {"a"}, "from": {"-15m"}, "live": {"1"}}
		if begin := dataOf(t, body, "begin"); begin == nil || begin.Path != "/" || begin.RawQuery != want.Encode() {
			t.Errorf("%s leads to %s", address, begin)
		}
		if stream := dataOf(t, body, "stream"); stream != nil {
			t.Errorf("%s has the stream %s", address, stream)
		}
		// What is not the newest cannot be live.
		if strings.Count(address, "&") == 1 {
			continue
		}
		if w := get(e, address+"&live=1"); w.Code != http.StatusSeeOther || strings.Contains(w.Header().Get("Location"), "live") {
			t.Errorf("%s, live: %d %v", address, w.Code, w.Header())
		}
	}
	if slices.Contains(fake.order, placePath) {
		t.Errorf("it asked for %v", fake.order)
	}
}

func TestAPageWithoutAPlaceForItsStreamIsShown(t *testing.T) {
	e, _ := newPages(t, map[string]string{"/api/logs": hostile, placePath: `5{"status":503,"detail":"no Kafka answers"}`})
	w := get(e, "/?service=a&live=1")
	body := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(body, "Live logs cannot be had now: No Kafka answers.") || !strings.Contains(body, "attr.n.x=42") {
		t.Errorf("%d %s", w.Code, body)
	}
	if begin := dataOf(t, body, "begin"); begin == nil || begin.Query().Get("live") != "1" || dataOf(t, body, "stream") != nil {
		t.Errorf("it begins with %s", begin)
	}
}

func TestAPageDoesNotWaitLongForThePlaceOfItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := echo.New()
		api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == placePath {
				<-r.Context().Done()
				w.WriteHeader(http.StatusGatewayTimeout)
				return
			}
			_, _ = io.WriteString(w, hostile)
		})
		if err := ui.Mount(e, ui.Config{API: api, Roles: roles{}}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?live=1", nil))
		if took := time.Since(began); w.Code != http.StatusOK || took > time.Second || !strings.Contains(w.Body.String(), "Live logs cannot be had now") {
			t.Errorf("after %s: %d", took, w.Code)
		}
	})
}
