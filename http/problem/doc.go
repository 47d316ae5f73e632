// Package problem is how every server of Millrace says that something went
// wrong: as an RFC 9457 problem document, whose status follows from the
// error's app.Kind by one table.
//
//	document.go  Document: what is sent, and how an error becomes one
//	kinds.go     the table from app.Kind, and from HTTP's own refusals
//	handler.go   Handler: sends it and logs what the client is not told
//
// A handler returns an error and is done: an *app.Error of a kind, several
// joined by errors.Join when several things are wrong, or an *echo.HTTPError
// for what is HTTP's own concern. Any other error is answered 500 without a
// word about its cause, which is logged.
package problem
