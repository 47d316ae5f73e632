package storetest_test

import (
	"testing"

	"millrace/app"
	"millrace/app/postgres/storetest"
)

func memory(testing.TB) (app.BatchStore, app.LogReader) {
	m := storetest.NewMemory()
	return m, m
}

func TestMemoryIsABatchStore(t *testing.T) { storetest.TestBatchStore(t, memory) }
func TestMemoryIsALogReader(t *testing.T)  { storetest.TestLogReader(t, memory) }
