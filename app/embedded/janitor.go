package embedded

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sweepEvery is how often the janitor looks.
const sweepEvery = 5 * time.Second

// janitor deletes records that the consumers have stored, once a topic holds
// more than is to be kept. What nobody consumed yet is never deleted: that
// space is bounded by the shipper, which refuses logs when Kafka does.
type janitor struct {
	admin  *kadm.Client
	groups []string
	keep   int64
	logger *slog.Logger
}

func newJanitor(brokers []string, cfg KafkaConfig) (*janitor, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	return &janitor{admin: kadm.NewClient(client), groups: cfg.Groups, keep: cfg.RetentionBytes, logger: cfg.Logger}, nil
}

func (j *janitor) run(ctx context.Context) {
	defer j.admin.Close()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := j.sweep(ctx); err != nil && ctx.Err() == nil {
				j.logger.Warn("old records of the embedded Kafka were not deleted", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// sweep deletes what was consumed of each topic that is over its size.
func (j *janitor) sweep(ctx context.Context) error {
	dirs, err := j.admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return err
	}
	size := map[string]int64{}
	dirs.Each(func(dir kadm.DescribedLogDir) {
		dir.Topics.Each(func(p kadm.DescribedLogDirPartition) { size[p.Topic] += p.Size })
	})
	consumed, err := j.consumed(ctx)
	if err != nil {
		return err
	}
	upTo := kadm.Offsets{}
	for at, offset := range consumed {
		// One record stays: a partition without any would forget, in a
		// crash, how far its offsets had come.
		if size[at.topic] > j.keep && offset > 1 {
			upTo.AddOffset(at.topic, at.partition, offset-1, -1)
		}
	}
	if len(upTo) == 0 {
		return nil
	}
	deleted, err := j.admin.DeleteRecords(ctx, upTo)
	if err != nil {
		return err
	}
	return deleted.Error()
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// consumed returns up to where every group that reads a partition has come.
func (j *janitor) consumed(ctx context.Context) (map[place]int64, error) {
	least := map[place]int64{}
	for _, group := range j.groups {
		offsets, err := j.admin.FetchOffsets(ctx, group)
		if errors.Is(err, kerr.GroupIDNotFound) {
			continue // it never consumed anything
		}
		if err != nil {
			return nil, err
		}
		offsets.Each(func(o kadm.OffsetResponse) {
			at := place{o.Topic, o.Partition}
			if other, ok := least[at]; !ok || o.At < other {
				least[at] = o.At
			}
		})
	}
	return least, nil
}
