package postgres

import "millrace/app"

// PageStatement lets the tests ask PostgreSQL how it would run a query.
var PageStatement = pageStatement

// CopyStream returns logs, all inside the window, as the stream that COPY reads
// and the statement that reads it.
func CopyStream(number int64, logs []app.Log) (stream []byte, statement string) {
	var buffer copyBuffer
	buffer.reset()
	for i := range logs {
		buffer.add(&logs[i], false)
	}
	return buffer.finish(number), copyLogs
}
