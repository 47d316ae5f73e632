// Package ui is the gateway's pages, for people with a browser.
//
//	GET  /                     search: filters, histogram, values, logs; live
//	GET  /logs/{id}            one log and what was around it
//	GET  /pipeline             how each role does, and the ledger
//	GET  /batches/{id}         one batch's life
//	GET  /quarantine           what could never be stored; /{id} one of it
//	POST /quarantine/replay    and /discard: what a form has chosen
//	GET  /login                shows a key once
//	GET  /ui/…                 script, style, and what the script asks for
//
// The pages are a client of the API of the same server: they ask it in the
// process, with the credentials of whoever asks them, and so show what the API
// would. An address of the search page has the parameters of /api/logs; all that
// is seen is in it. Everything but live logs works without script.
//
//	ui.go         Config, Mount, headers
//	ask.go        asking the API
//	box.go        what one types into the search box
//	address.go    filters in addresses: with one more, with one less, negated
//	moment.go     ranges of time
//	search.go     the search page
//	row.go        a log as it is shown
//	histogram.go  the histogram's geometry
//	pipeline.go   roles, ledger, batches
//	figures.go    numbers about roles, and how fast they grow
//	quarantine.go what was set aside
//	login.go      the cookie with a key
//	around.go     one log and its context
//	live.go       logs as they come
//	nowhere.go    addresses that there are not
//	pages/        the templates, one a page; base.html is around all
//	assets/       script and style
//
// Log text is hostile: it gets to a page as app.Span, through html/template, or in
// JSON from which the script makes text nodes. The Content-Security-Policy
// forbids whatever else script could make of it.
package ui
