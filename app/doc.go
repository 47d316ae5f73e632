// Package app is the domain of Millrace in plain Go: what a log is, what a
// batch is and how it keeps its identity, how logs are asked for, what can go
// wrong, how the program is configured, and the ports that adapters fill.
//
// It imports the standard library alone. The adapters live in the folders
// below it (app/kafka, app/postgres, …), import it, and never each other.
//
//	log.go             one log and its level
//	logjson.go         its JSON, both ways
//	batch.go           a batch, its identity, and how that travels in metadata
//	ledger.go          what became of every log, by shipper
//	ledgerwatch.go     the ledger of all shippers, watched for gaps
//	rangeset.go        sets of numbers, as runs
//	life.go            one batch's life, and lists of batches
//	verify.go          what a comparison of the ledger with the rows finds
//	poison.go          what was set aside, as it travels
//	quarantine.go      and as an item to decide upon
//	quarantinewatch.go the items, counted
//	query.go           queries and pages
//	filter.go          which logs are wanted
//	match.go           and whether a log in hand is
//	number.go          numbers in attributes, compared
//	counts.go          counting logs: histograms, facets
//	cursor.go          places in a listing, opaque to clients
//	recent.go          the newest logs, cached yet never older than the last stored batch
//	recentnear.go      as they are sent
//	snapshot.go        which transactions of the store a reader could see
//	cache.go           answers to other questions, kept for a while and worked out once
//	answer.go          how an answer is kept
//	flight.go          one computation for all who want the same at once
//	tail.go            the logs as they come: one reader of Kafka for all who follow
//	tailconfig.go      its bounds, and who is told of it
//	tailone.go         one who follows, and how it catches up
//	tailplace.go       where it was, opaque to clients
//	keys.go            API keys and what they allow
//	reloaded.go        a value made of files, made again when they change
//	httpclient.go      how our clients show themselves to our servers
//	outcome.go         how the end of a message's handling reaches whoever waits for it
//	errors.go          the few kinds of failure
//	ports.go           the interfaces between the rooms
//	examination.go     what an examination of a server finds
//	traffic.go         what went between a client and its servers
//	rolemetrics.go     what a role says of itself
//	span.go            a text of a log as people may see it; style.go its colours
//	config.go          every setting, its default and its check
//	live.go            settings taken anew while the roles run
//	config_access.go   those of who may use the servers
package app
