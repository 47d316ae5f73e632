package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
)

func TestPagingUsesItsIndexesAndOnlyTheDaysItNeeds(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	for day := range 5 {
		logs := make([]app.Log, 400)
		for i := range logs {
			logs[i] = logAt(time.Duration(day)*24*time.Hour+time.Duration(i)*time.Second, "x")
			logs[i].Service = fmt.Sprint("service-", i%40)
		}
		store(t, db, batch("k3v9", uint64(1+day*400), logs...))
	}
	conn := connect(t, at)
	exec(t, conn, "ANALYZE logs")
	daysAgo := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	table := func(days int) string { return daysAgo(days).Format("logs_2006_01_02") }
	for name, c := range map[string]struct {
		query   app.Query
		index   string
		without []string
	}{
		"newest first": {app.Query{Limit: 10}, "time_id_idx", []string{"->  Sort"}},
		"the next page": {
			app.Query{Limit: 10, At: &app.Cursor{Time: daysAgo(2), ID: app.NewLogID(1, 0)}},
			"time_id_idx", []string{"->  Sort", table(1), table(0)},
		},
		"the page before": {
			app.Query{Limit: 10, At: &app.Cursor{Time: daysAgo(2), ID: app.NewLogID(1, 0), Backward: true}},
			"time_id_idx", []string{"->  Sort", table(3), table(4)},
		},
		"a service": {
			app.Query{Limit: 10, Filter: app.Filter{Services: []string{"service-7"}}},
			"service_time_id_level_idx", []string{"->  Sort"},
		},
		"a service in a range": {
			app.Query{Limit: 10, Filter: app.Filter{Services: []string{"service-7"}, From: daysAgo(2), To: daysAgo(1)}},
			"service_time_id_level_idx", []string{table(0), table(4)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan := explain(t, conn, c.query)
			if !strings.Contains(plan, c.index) {
				t.Errorf("it does not use %s:\n%s", c.index, plan)
			}
			for _, piece := range c.without {
				if strings.Contains(plan, piece) {
					t.Errorf("it has %q:\n%s", piece, plan)
				}
			}
		})
	}
}

// A page of an hour is read in its order, and not by sorting the hour: whatever
// the planner makes of bounds below a microsecond, and of a place near the end of
// what there is of a day.
func TestAPageOfARangeIsReadInOrder(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	day := now.AddDate(0, 0, -1).Truncate(24 * time.Hour)
	const total, together = 80_000, 8_000
	for first := 0; first < total; first += together {
		logs := make([]app.Log, together)
		for i := range logs {
			logs[i] = app.Log{Time: day.Add(time.Duration(first+i) * 24 * time.Hour / total), ReceivedAt: now, Level: app.LevelInfo, Service: fmt.Sprint("service-", i%8), Message: "x"}
			if i/8%5 == 0 {
				logs[i].Level = app.LevelError
			}
		}
		store(t, db, batch("k3v9", uint64(1+first), logs...))
	}
	conn := connect(t, at)
	exec(t, conn, "ANALYZE logs")
	of := func(from, to time.Duration) app.Filter {
		return app.Filter{Services: []string{"service-7"}, Levels: []app.Level{app.LevelError}, From: day.Add(from), To: day.Add(to)}
	}
	for name, query := range map[string]app.Query{
		"nanoseconds": {Filter: of(22*time.Hour+1, 24*time.Hour-1)},
		"far back":    {Filter: of(0, 2*time.Hour), At: &app.Cursor{Time: day.Add(2 * time.Hour)}},
		"far on":      {Filter: of(22*time.Hour, 24*time.Hour), At: &app.Cursor{Time: day.Add(22 * time.Hour), Backward: true}},
	} {
		t.Run(name, func(t *testing.T) {
			query.Limit = 15
			if plan := explain(t, conn, query); strings.Contains(plan, "->  Sort") || !strings.Contains(plan, "service_time_id_level_idx") {
				t.Errorf("it is not read in order:\n%s", plan)
			}
		})
	}
}

func explain(t *testing.T, conn *pgx.Conn, query app.Query) string {
	t.Helper()
	statement, args := postgres.PageStatement(query, query.Limit+1)
	return explainStatement(t, conn, statement, args)
}

func explainStatement(t *testing.T, conn *pgx.Conn, statement string, args []any) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN "+statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestALookThatTakesTooLongIsATimeout(t *testing.T) {
	at := newURL(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: at, StatementTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn := connect(t, at)
	exec(t, conn, "BEGIN")
	exec(t, conn, "LOCK TABLE logs IN ACCESS EXCLUSIVE MODE")
	if _, err := db.Reader().Logs(t.Context(), app.Query{Limit: 1}); app.KindOf(err) != app.KindTimeout {
		t.Errorf("a page: %v", err)
	}
	if _, _, err := db.Reader().Newest(t.Context(), 1); app.KindOf(err) != app.KindTimeout {
		t.Errorf("the newest: %v", err)
	}
	exec(t, conn, "ROLLBACK")
	if _, err := db.Reader().Logs(t.Context(), app.Query{Limit: 1}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
