// Package batching decorates a Watermill publisher so that many messages go to
// it as one batch.
//
// A batch is sealed by whichever comes first: its size in units, its size in
// bytes, or the age of its first unit. A unit is a message unless Config.Count
// says that a message stands for more; with Config.Split such a message is cut
// so that batches are full whatever the size of the messages. With Config.Pack
// a batch becomes one message; without it, the next publisher gets the batch's
// messages in one call.
//
// What holds:
//
//   - Every unit that Publish took is handed on once, in order within its topic,
//     however often the next publisher fails in between: a failed flush is tried
//     again for as long as the Publisher is open.
//   - Memory is bounded, and Config.WhenFull says what happens at the bound.
//   - A batch never exceeds its limits, but for a single unit, or a message that
//     cannot be cut, that is larger than they are: it is sent alone.
//   - With Journaled, what Publish returned for is on disk, and survives the
//     process: the next one flushes it in the same batches, under the same
//     numbers. Which of them were flushed already, it may not know: whoever
//     keeps them refuses a number it has.
//   - Close flushes, waits, and says what it could not flush.
//
// Units are numbered from 1 within their topic as they are taken, so that a
// batch (Sequence, First, Count) can be told from every other. Units that were
// refused or dropped have no number.
//
// A Publisher is safe for concurrent use. It starts one goroutine for each
// topic that has something to flush.
//
//	publisher.go  the Publisher: New, Publish, Close
//	config.go     its Config
//	errors.go     its errors
//	room.go       what waits until the buffer has room
//	queue.go      a topic's units until they are sealed
//	ring.go       the memory of these
//	together.go   how many batches are sent at once
//	batch.go      a batch
//	flush.go      its end: sent, halved, or set aside
//	poison.go     setting aside
//	journaled.go  taking units by way of a Journal
package batching
