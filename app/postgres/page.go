package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// page gathers the logs of an answer, in the order in which they are read, until
// one does not fit: there would be too many, or too many bytes. The first always
// fits.
type page struct {
	logs  []app.Log
	limit int  // of logs
	bytes int  // of app.Log.Bytes that are left
	full  bool // there is a log that did not fit: no other does
}

func newPage(limit, bytes int) *page {
	return &page{logs: make([]app.Log, 0, min(limit, app.MaxLimit)), limit: limit, bytes: bytes}
}

// add tells whether a log fitted.
func (p *page) add(log *app.Log) bool {
	size := log.Bytes()
	p.full = p.full || len(p.logs) == p.limit || size > p.bytes && len(p.logs) > 0
	if !p.full {
		p.logs, p.bytes = append(p.logs, *log), p.bytes-size
	}
	return !p.full
}

// wanted is how many logs more fill it for certain: one of them does not fit, and
// tells that there are more.
func (p *page) wanted() int { return p.limit - len(p.logs) + 1 }

// filling is how pages are filled from the rows of statements. A row whose log is
// not wanted after all is not kept.
type filling struct {
	*page
	pool    querier
	matcher *app.Matcher // regular expressions, which PostgreSQL does not match
}

// errFull ends the reading of rows when a page is full.
var errFull = errors.New("the page is full")

// read adds the rows of a statement that selects logColumns, until the page is
// full. It returns how many there were until then, and the last one.
func (f filling) read(ctx context.Context, statement string, args []any) (read int, last app.Log, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := f.pool.Query(ctx, statement, args...)
	if err != nil {
		return 0, last, err
	}
	err = eachLog(rows, func(log *app.Log) error {
		read++
		last = *log
		if f.matcher.MatchesPatterns(log.Message) && !f.add(log) {
			leave(rows, cancel)
			return errFull
		}
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return read, last, err
}

// maxLeft is how many bytes are read to the end rather than cancelled: as many as a
// network of 1 Gbit/s carries in about the time that cancelling takes.
const maxLeft = 16 << 20

// leave has done with rows of which there may be more. A connection can be used
// again when its statement has ended. Mostly little is left: none behind a page
// without regular expressions, or some thousand small rows of a chunk; that is
// read, and passed over. Where it is much, as behind the largest logs, the server is
// asked to cancel the statement (cancelInServer): the connection stays, and pgx
// waits a tenth of a second, lest the request reach the next statement. To close the
// connection would cost another, and to fetch by a cursor a transaction for
// each of the pages that need none of this.
func leave(rows pgx.Rows, cancel context.CancelFunc) {
	for left := maxLeft; rows.Next(); {
		for _, value := range rows.RawValues() {
			left -= len(value)
		}
		if left < 0 {
			cancel()
			return
		}
	}
}
