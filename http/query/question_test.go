package query_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace/app"
	"millrace/http/query"
)

// asked works every answer out, and remembers the question.
type asked struct{ key string }

func (a *asked) Answer(ctx context.Context, q app.Question, compute func(context.Context) (app.Answer, error)) (app.Answer, app.RecentSource, error) {
	a.key = q.Key
	answer, err := compute(ctx)
	return answer, app.FromStore, err
}

// what is all that a store can be asked.
func (f *fakeStore) what() string {
	return fmt.Sprintf("%q %d %+v %v %q %+v %q", f.query.Key(), f.query.Limit, f.query.At, f.query.OldestFirst, f.histogram.Key(), f.facets, f.stats.Key()) +
		fmt.Sprint(f.histogram.Step, f.histogram.By, f.stats.By, f.stats.Distinct, f.stats.Limit)
}

// FuzzQuestion: the normal form of a question asks the store for the very same,
// and is its own normal form. Whatever is asked, it is refused, or lies within the
// limits.
func FuzzQuestion(f *testing.F) {
	for operation, seeds := range map[string][]string{
		"": {
			"from=-15m&to=now&level=warn,ERR", "text=a&q=b", "q=x&q=y", "step=", "from=now-1w&to=-1h&attr.a.b=1&attr.a.b=2&attr.c!=x", "to=1769860800.25&trace_id!=0123456789ABCDEF0123456789abcdef",
			"level!=warn&service=a&service=b&host!=%C3%A9&regex=%5Ea&regex!=b%24&order=newest&limit=100", "cursor=AQAABkpl8kgAAAAAAAAAAAADAAAAAAAAAAA.1", "min_level=info&level=warn",
		},
		"/histogram": {"step=1d&by=attr.x", "step=1s&from=-1999s", "step=1s&from=-2000s", "step=7s&from=946684700.5&to=946684800.25", "step=366d&to=2261-12-31T23:59:59Z&from=1970-01-01T00:00:00Z", "by=level&to=1"},
		"/facets":    {"field=service&field=attr.a.b&limit=10", "field=host&field=host", "field=level&limit=101&to=2261-01-01T00:00:00Z"},
		"/stats":     {"by=service&distinct=attr.user&limit=1", "limit=10", "from=now"},
	} {
		for _, seed := range seeds {
			f.Add(operation, seed)
		}
	}
	store, answers := &fakeStore{}, &asked{}
	cfg := config(f, store)
	cfg.Answers = answers
	e := mount(f, cfg)
	paths := map[string]string{"searchLogs": "", "logHistogram": "/histogram", "logFacets": "/facets", "logStats": "/stats"}
	f.Fuzz(func(t *testing.T, operation, rawQuery string) {
		ask := func(operation, rawQuery string) (status int, key, what string) {
			*store, *answers = fakeStore{}, asked{}
			status = serveURL(e, &url.URL{Path: "/api/logs" + operation, RawQuery: rawQuery}).Code
			return status, answers.key, store.what()
		}
		switch operation {
		case "", "/histogram", "/facets", "/stats":
		default:
			return
		}
		synctest.Test(t, func(t *testing.T) { // where it is the same time for both
			status, key, what := ask(operation, rawQuery)
			if status != http.StatusOK && status != http.StatusBadRequest {
				t.Fatalf("status %d", status)
			}
			if status == http.StatusOK {
				within(t, store)
			}
			if key == "" {
				return // it was refused before it became a question
			}
			id, normal, _ := strings.Cut(key, "?")
			again, itself, same := ask(paths[id], normal)
			if again != status || itself != key || what != same {
				t.Errorf("%s asks %d %s,\n%s asks %d %s", rawQuery, status, what, key, again, same)
			}
		})
	})
}

// within tells of what the store is asked that is beyond a limit.
func within(t *testing.T, store *fakeStore) {
	t.Helper()
	if q := store.histogram; q.Step > 0 {
		seconds := int64(q.Step / time.Second)
		buckets := (q.To.Unix() - q.From.Unix()) / seconds
		if buckets < 1 || buckets > app.MaxBuckets || q.From.Unix()%seconds != 0 || q.To.Unix()%seconds != 0 || q.From.Nanosecond()+q.To.Nanosecond() != 0 || q.Step%time.Second != 0 {
			t.Errorf("%d buckets of %s from %s to %s", buckets, q.Step, q.From, q.To)
		}
	}
	for _, filter := range []app.Filter{store.query.Filter, store.histogram.Filter, store.facets.Filter, store.stats.Filter} {
		if !filter.From.IsZero() && !filter.To.IsZero() && !filter.From.Before(filter.To) {
			t.Errorf("from %s to %s", filter.From, filter.To)
		}
	}
	if len(store.facets.Fields) > app.MaxFacets || store.facets.Limit > 100 || store.stats.Limit > 100 || store.query.Limit > app.MaxLimit {
		t.Errorf("%+v %+v", store.facets, store.stats)
	}
	for _, field := range append([]app.Field{store.histogram.By, store.stats.By, store.stats.Distinct}, store.facets.Fields...) {
		if field != "" && !field.Known() {
			t.Errorf("counts by %q", field)
		}
	}
}

// FuzzFilters: what is written into a URL comes out as the filter, each value and
// each name whatever it holds, and its negation as what is excluded.
func FuzzFilters(f *testing.F) {
	f.Add("shop", "100% &=+;", "http.status", "500", "a\\d+(b)")
	f.Add("é \u202e", "_%\\", "a!", "!", "")
	f.Add("\x00", "\xff", ".", "null", "(")
	store := &fakeStore{}
	e := newGateway(f, store)
	f.Fuzz(func(t *testing.T, name, text, attribute, value, pattern string) {
		for _, not := range []string{"", "!"} {
			values := url.Values{
				"service" + not: {name, "z"}, "host" + not: {name}, "text" + not: {text}, "regex" + not: {pattern}, "attr." + attribute + not: {value},
			}
			*store = fakeStore{}
			if serveURL(e, &url.URL{Path: "/api/logs", RawQuery: values.Encode()}).Code != http.StatusOK {
				continue
			}
			q := store.query
			got := [][]string{q.Services, q.Hosts, q.Texts, q.Patterns, q.NotServices, q.NotHosts, q.NotTexts, q.NotPatterns}
			if not != "" {
				got = append(got[4:], got[:4]...)
			}
			for i, want := range [][]string{unique(name, "z"), unique(name), unique(text), unique(pattern), nil, nil, nil, nil} {
				if fmt.Sprintf("%q", got[i]) != fmt.Sprintf("%q", want) {
					t.Errorf("%d: %q is read as %q", i, want, got[i])
				}
			}
			wanted, excluded := attribute, not != ""
			if !excluded {
				wanted, excluded = strings.CutSuffix(attribute, "!")
			}
			if value != "" && (len(q.Attributes) != 1 || q.Attributes[0].Name != wanted || q.Attributes[0].Not != excluded || q.Attributes[0].Values[0] != value) {
				t.Errorf("attr.%s%s=%q is read as %+v", attribute, not, value, q.Attributes)
			}
		}
	})
}

// unique are those that are not empty, in order, each once.
func unique(values ...string) (all []string) {
	for _, value := range values {
		if value != "" && (len(all) == 0 || all[0] != value) {
			all = append(all, value)
		}
	}
	if len(all) == 2 && all[0] > all[1] {
		all[0], all[1] = all[1], all[0]
	}
	return all
}

var _ query.Answers = (*asked)(nil)
