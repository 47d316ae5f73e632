package postgres_test

import (
	"testing"

	"millrace/app"
	"millrace/app/postgres/storetest"
)

func openPorts(t testing.TB) (app.BatchStore, app.LogReader) {
	db := newDB(t)
	return db.Store(), db.Reader()
}

func TestIsABatchStore(t *testing.T) { storetest.TestBatchStore(t, openPorts) }
func TestIsALogReader(t *testing.T)  { storetest.TestLogReader(t, openPorts) }
