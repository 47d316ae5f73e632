// Package redis keeps the newest logs in Redis, ready to be sent, and answers to
// other questions for a while.
//
// Nothing is in Redis alone: it may be emptied, slow or away at any time, and
// the price is a query to PostgreSQL. Every call is bounded by one short
// timeout, and while Redis does not answer most are not even made.
//
//	recent.go   the client, and the newest logs
//	answers.go  answers, and the locks of those who work them out
//	ask.go      the breaker in front of Redis
//	examine.go  whether a Redis suits
package redis
