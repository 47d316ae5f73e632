package postgres

import "time"

// longRun is the time from which on a run's rows are found by their ids. Those of
// a shorter one are found by their times, which takes as long as there are rows
// of all batches in that time.
const longRun = time.Hour

// Conditions on a run's rows that only one index can be used for: an expression
// is in none.
const (
	rowsByTime = "l.id BETWEEN run.low AND run.high AND l.time BETWEEN run.first_time AND run.last_time + interval '1 microsecond'"
	rowsByID   = "l.id BETWEEN run.low AND run.high AND l.time + interval '0' BETWEEN run.first_time AND run.last_time + interval '1 microsecond'"
)

// within returns a FROM of the logs of some runs, as logs.
func (c *conditions) within(runs []candidate) string {
	var short, long []candidate
	for _, r := range runs {
		if r.last.Sub(r.first) < longRun {
			short = append(short, r)
		} else {
			long = append(long, r)
		}
	}
	if len(long) == 0 {
		return "(" + c.rowsOf(short, rowsByTime) + ") AS logs"
	}
	return "(" + c.rowsOf(short, rowsByTime) + " UNION ALL " + c.rowsOf(long, rowsByID) + ") AS logs"
}

// rowsOf selects the rows of runs. OFFSET 0 has PostgreSQL go from run to run: it
// cannot know how few rows one has, and would rather read all there are.
func (c *conditions) rowsOf(runs []candidate, rows string) string {
	low, high := make([]int64, len(runs)), make([]int64, len(runs))
	first, last := make([]time.Time, len(runs)), make([]time.Time, len(runs))
	for i, r := range runs {
		low[i], high[i], first[i], last[i] = r.low, r.high, r.first, r.last
	}
	return `SELECT found.* FROM unnest(` + c.arg(low) + `::bigint[], ` + c.arg(high) + `::bigint[], ` + c.arg(first) + `::timestamptz[], ` + c.arg(last) + `::timestamptz[]) AS run (low, high, first_time, last_time)
		CROSS JOIN LATERAL (SELECT * FROM logs l WHERE ` + rows + ` OFFSET 0) AS found`
}
