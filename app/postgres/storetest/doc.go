// Package storetest is what every app.BatchStore, and the app.LogReader and
// app.LedgerLooker beside it, must do: suites for their tests, and a Memory that passes them, for tests
// that need a store and no server.
//
//	store.go   the suite of app.BatchStore
//	reader.go  the suite of app.LogReader; large.go has its tests of large logs
//	counter.go the suite of app.LogCounter
//	ledger.go  the suite of app.LedgerLooker
//	random.go  random logs and queries, answered as Memory does
//	odd.go     logs of every odd kind
//	make.go    logs and batches to test with
//	memory.go  a store in memory
package storetest
