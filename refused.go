package main

import (
	"encoding/json"
	"errors"
	"path/filepath"

	"millrace/middleware/batching"
	"millrace/middleware/journal"
)

// refusedDir is where logs lie, below the data directory, that were accepted
// and that no topic of Kafka takes.
const refusedDir = "refused"

// keepRefused writes such logs as the OTLP request that they are, with the
// reason beside it, for batching.Config: BATCH.binpb and BATCH.json. They can be
// sent again, to /v1/logs, when the topics take them.
func keepRefused(dataDir string) func(batching.Batch, error) error {
	disk, dir := journal.SystemDisk(), filepath.Join(dataDir, refusedDir)
	return func(batch batching.Batch, reason error) error {
		head := headOf(batch)
		meta := head.Metadata()
		meta["reason"] = reason.Error()
		text, err := json.MarshalIndent(meta, "", "  ")
		if err != nil {
			return err
		}
		if err := disk.MakeDir(dir); err != nil {
			return err
		}
		name := filepath.Join(dir, head.ID())
		return errors.Join(disk.Replace(name+".binpb", packBatch(batch, head).Payload), disk.Replace(name+".json", text))
	}
}
