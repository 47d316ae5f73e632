// Package postgres keeps logs in PostgreSQL: each batch once, in one
// transaction that also writes the ledger's row and the event that tells of it.
//
//	db.go         connecting, and the parts below as one
//	migrate.go    the schema (migrations/)
//	copied.go     a database that was copied from another server
//	store.go      a batch in one transaction (app.BatchStore)
//	transact.go   the transaction itself, in three round trips
//	copy.go       its logs as the stream that COPY reads
//	repair.go     text that PostgreSQL would refuse
//	json.go       JSON that jsonb would refuse
//	armour.go     text that it refuses nevertheless
//	apart.go      logs that it refuses whatever is done
//	partitions.go which day lies where
//	poison.go     what was set aside (app.PoisonStore)
//	quarantine.go the items to look into and to decide upon (app.QuarantineStore)
//	replay.go     items on their way through the pipeline again (app.ReplayStore)
//	rollup.go     what a batch adds for searches and counts; signature.go and token.go make it
//	retain.go     dropping days, and packing the minutes' counts
//	reader.go     pages of logs (app.LogReader)
//	page.go       how full one is, and reading until it is
//	statement.go  from a filter to SQL; attribute.go and pattern.go have its harder parts
//	find.go       one log, and what was around it (app.LogFinder)
//	walk.go       any number of logs, by a cursor (app.LogWalker)
//	runs.go       which runs of logs a search must read; windows.go reads them in order, within.go finds their rows
//	count.go      histograms, facets and figures (app.LogCounter)
//	tally.go      counting in rows; tallyminutes.go: in the minutes' counts; tallywalk.go: in rows that are read one by one
//	ledger.go     what became of every log, by shipper (app.LedgerReader)
//	look.go       the same, again and again, reading what is new (app.LedgerLooker)
//	batches.go    one batch's life, and lists of batches
//	verify.go     the ledger beside the rows
//	replica.go    whether a server that is searched has what was stored (app.Searched)
//	feed.go       hearing of stored batches (app.StoredFeed)
//	coverage.go   what it knows of them
//	outbox.go     the events that go with a transaction, through watermill-sql
//	maintain.go   what is to be done from time to time
//	examine.go    whether a server suits; examinesearched.go: one that is searched
//	trace.go      spans of statements
//	errors.go     what PostgreSQL's refusals mean
package postgres
