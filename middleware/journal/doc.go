// Package journal is a durable queue of numbered records on one disk: what
// Append took is read by Next, in order, until it is acknowledged, over any
// crash. Its engine is hashicorp/raft-wal; what is here is the part above it.
//
// What holds:
//
//   - Append returns nil when the record is on disk (fsync). Appends that come
//     at the same time share one write and one fsync.
//   - A record stands for one or more units. Every unit has the next number of
//     a sequence, from 1. A sequence has a name that no other ever has. Numbers
//     are never given twice: a journal that is damaged, or whose last write is
//     in doubt, goes on in a new sequence. So does a copy of its folder.
//   - Next returns every record of Append once in each life of the process,
//     oldest first, beginning behind what was acknowledged. What the reader is
//     behind with lies on disk: memory stays as it is, however long the
//     backlog.
//   - Seal keeps the boundaries of a run of units (a batch) for the next life,
//     until the run is acknowledged.
//   - Ack is remembered with the next write, at the latest after a second: a
//     crash within it brings the same records, and the same seals, again.
//   - A record that Append refused never comes out of Next, even if it reached
//     the disk.
//   - What cannot be read is reported and set aside in the folder "damaged",
//     never deleted; what stands before and behind it is read all the same.
//
// # On disk
//
//	DIR/lock            held while a process has the journal open
//	DIR/journal.json    the generations, oldest first (manifest)
//	DIR/00000001-NAME/  a generation: one raft-wal log, one sequence
//	DIR/reserve         room for seals on a full disk
//	DIR/damaged/        generations with damage, once all of them is acknowledged
//
// Each entry of a raft-wal log is one group of records that was written at
// once, see entry. A generation ends, and the next begins, when a write or an
// fsync failed (the kernel may have thrown away what it could not write, so
// nothing may stand behind it), when damage was found, when the last write was
// cut short, and when the folder is not where it was, see samePlace.
//
//	journal.go     the Journal: Open, Append, Seal, Close
//	config.go      its Config
//	errors.go      its errors
//	writer.go      the goroutine that alone writes
//	reader.go      Next
//	ack.go         what is acknowledged, and which seals are not
//	room.go        what it holds and may hold
//	generation.go  one raft-wal log
//	manifest.go    the list of them
//	entry.go       what an entry of it looks like
//	recover.go     where an earlier life ended
//	scan.go        reading what raft-wal cannot
//	tail.go        and the last write
//	inspect.go     looking into a journal that another process may have open
//	reserve.go     room for seals on a full disk
//	disk.go        what is asked of a disk; os_unix.go of the system
//	filer.go       raft-wal's files, without their buffers
//	timed.go       and how long their fsyncs take
package journal
