package postgres

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"millrace/app"
)

// For the tests of what has no server in it.
var (
	StorableJSON  = storableJSON
	Repaired      = repaired
	Armoured      = armoured
	PageStatement = pageStatement

	SearchedTables = searchedTables
)

// MaintainOnce is one round of Maintain.
func (db *DB) MaintainOnce(ctx context.Context) error { return db.maintainOnce(ctx) }

// Setting returns a setting of the DB's own connections.
func (db *DB) Setting(t testing.TB, name string) (value string) {
	t.Helper()
	if err := db.pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// MigrateDownTo takes the schema back to a version.
func MigrateDownTo(t testing.TB, url string, version int64) {
	t.Helper()
	cfg, err := parseURL(writtenSetting, url)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*cfg.ConnConfig)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// Candidates counts the runs that a search would read.
func Candidates(ctx context.Context, db *DB, f app.Filter) (int, error) {
	runs, err := candidates(ctx, db.pool, wantedOf(f), f, false)
	return len(runs), err
}

// RunStatement is the statement that reads one run.
func RunStatement(query app.Query, low, high int64, first, last time.Time) (string, []any) {
	return listStatement(query, []candidate{{low, high, first, last}})
}

// CopyStream returns logs, all inside the window, as the stream that COPY reads
// and the statement that reads it.
func CopyStream(number int64, logs []app.Log) (stream []byte, statement string) {
	var buffer copyBuffer
	buffer.reset()
	for i := range logs {
		buffer.add(repaired(&logs[i]), window{first: -1 << 62, last: 1 << 62})
	}
	return buffer.finish(number), copyLogs
}

// SetLookPage has looks read less at once, until the test ends.
func SetLookPage(t testing.TB, rows int) {
	before := lookPage
	lookPage = rows
	t.Cleanup(func() { lookPage = before })
}

// Sign makes the filters of a batch.
func Sign(logs []app.Log) {
	var s signer
	s.reset()
	for i := range logs {
		s.add(i, &logs[i], false)
	}
	s.finish()
}

// Count makes the counts of a batch.
func Count(logs []app.Log) {
	var c counts
	c.reset()
	for i := range logs {
		c.add(&logs[i], false)
	}
	c.flush()
}
