// Package redis keeps the newest logs in Redis, ready to be sent.
//
// Nothing is in Redis alone: it may be emptied, slow or away at any time, and
// the price is a query to PostgreSQL. Every call is bounded by one short
// timeout.
package redis
