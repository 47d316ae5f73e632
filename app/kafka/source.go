package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"millrace/app"
)

// lookForPartitions is how soon a partition that was added is read.
const lookForPartitions = 30 * time.Second

// Source reads a topic outside of any consumer group, from positions that its
// caller knows. It implements app.RecordSource.
type Source struct {
	brokers []string
	topic   string
	look    time.Duration
}

// NewSource returns a source of the topic logs. It connects when it is used.
func NewSource(cfg app.KafkaConfig) *Source {
	return &Source{brokers: cfg.Brokers, topic: app.TopicLogs, look: lookForPartitions}
}

// Ends implements app.RecordSource.
func (s *Source) Ends(ctx context.Context) (app.Positions, error) {
	client, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := s.ends(client)
	if err != nil {
		return nil, unreachable(s.brokers, err)
	}
	return ends, nil
}

// ends makes one request to each broker, however many partitions it leads.
func (s *Source) ends(client sarama.Client) (app.Positions, error) {
	partitions, err := client.Partitions(s.topic)
	if err != nil {
		return nil, err
	}
	wanted := make(map[int32]int64, len(partitions))
	for _, partition := range partitions {
		wanted[partition] = sarama.OffsetNewest
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, err
	}
	found, err := admin.ListOffsets(map[string]map[int32]int64{s.topic: wanted}, nil)
	if err != nil {
		return nil, err
	}
	ends := make(app.Positions, len(partitions))
	for _, partition := range partitions {
		one := found[s.topic][partition]
		if one.Err != nil && !errors.Is(one.Err, sarama.ErrNoError) {
			return nil, fmt.Errorf("partition %d: %w", partition, one.Err)
		}
		ends[partition] = one.Offset
	}
	return ends, nil
}

// connect returns a client, which does not try for longer than ctx allows.
func (s *Source) connect(ctx context.Context) (sarama.Client, error) {
	c := subscriberConfig()
	c.Admin.Retry.Max = 1
	if deadline, ok := ctx.Deadline(); ok {
		left := max(time.Until(deadline), time.Millisecond)
		c.Net.DialTimeout, c.Net.ReadTimeout = min(c.Net.DialTimeout, left), min(c.Net.ReadTimeout, left)
		c.Metadata.Timeout = left // however many brokers do not answer
	}
	client, err := sarama.NewClient(s.brokers, c)
	if err != nil {
		return nil, unreachable(s.brokers, err)
	}
	return client, nil
}

// Read implements app.RecordSource.
func (s *Source) Read(ctx context.Context, from app.Positions, deliver func(app.TailRecord) error) error {
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return unreachable(s.brokers, err)
	}
	defer consumer.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	r := &reading{Source: s, client: client, consumer: consumer, records: make(chan app.TailRecord), cancel: cancel}
	defer r.stop()
	if err := r.open(ctx, from); err != nil {
		return err
	}
	tick := time.NewTicker(s.look)
	defer tick.Stop()
	for {
		select {
		case record := <-r.records:
			if err := deliver(record); err != nil {
				return err
			}
		case <-tick.C:
			if err := client.RefreshMetadata(s.topic); err != nil {
				continue // it is asked again
			}
			if err := r.open(ctx, nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reading is one Read. Its fields are Read's own.
type reading struct {
	*Source
	client   sarama.Client
	consumer sarama.Consumer
	records  chan app.TailRecord
	cancel   context.CancelCauseFunc
	opened   []int32
	closers  []sarama.PartitionConsumer
	forwards sync.WaitGroup
}

// open begins to read each partition that is not read yet.
func (r *reading) open(ctx context.Context, from app.Positions) error {
	partitions, err := r.client.Partitions(r.topic)
	if err != nil {
		return unreachable(r.brokers, err)
	}
	for _, partition := range slices.Concat(partitions, slices.Collect(maps.Keys(from))) {
		if slices.Contains(r.opened, partition) || !slices.Contains(partitions, partition) {
			continue
		}
		offset, gone, err := r.begin(partition, from)
		if err != nil {
			return err
		}
		part, err := r.consumer.ConsumePartition(r.topic, partition, offset)
		if err != nil {
			return unreachable(r.brokers, fmt.Errorf("partition %d: %w", partition, err))
		}
		r.opened, r.closers = append(r.opened, partition), append(r.closers, part)
		r.forwards.Go(func() { r.forward(ctx, part, gone) })
	}
	return nil
}

// begin returns from where a partition is read, and how many records that were
// wanted are gone.
func (r *reading) begin(partition int32, from app.Positions) (offset, gone int64, err error) {
	oldest, err := r.client.GetOffset(r.topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, unreachable(r.brokers, err)
	}
	newest, err := r.client.GetOffset(r.topic, partition, sarama.OffsetNewest)
	if err != nil {
		return 0, 0, unreachable(r.brokers, err)
	}
	wanted, known := from[partition]
	switch {
	case !known:
		return oldest, 0, nil
	case wanted < oldest:
		return oldest, oldest - wanted, nil
	default:
		return min(wanted, newest), 0, nil
	}
}

// forward hands one partition's records on. A partition that cannot be read any
// further, as when its records went away meanwhile, ends the Read; whatever else
// goes wrong the client tries again.
func (r *reading) forward(ctx context.Context, part sarama.PartitionConsumer, gone int64) {
	for {
		select {
		case message, ok := <-part.Messages():
			if !ok {
				r.cancel(app.Errorf(app.KindUnavailable, "Kafka does not hand out the partition any more"))
				return
			}
			record := toRecord(message)
			record.Gone, gone = gone, 0
			select {
			case r.records <- record:
			case <-ctx.Done():
				return
			}
		case err := <-part.Errors():
			if err != nil && errors.Is(err.Err, sarama.ErrOffsetOutOfRange) {
				r.cancel(err)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// stop closes the partitions. What they still hold is let go, or closing would
// wait for it to be taken.
func (r *reading) stop() {
	r.cancel(context.Canceled)
	r.forwards.Wait()
	for _, part := range r.closers {
		part.AsyncClose()
	}
	for _, part := range r.closers {
		for range part.Messages() { // let go
		}
		for range part.Errors() { // let go
		}
	}
}

func toRecord(message *sarama.ConsumerMessage) app.TailRecord {
	metadata := make(map[string]string, len(message.Headers)+3)
	for _, header := range message.Headers {
		metadata[string(header.Key)] = string(header.Value)
	}
	metadata[app.MetaTopic] = message.Topic
	metadata[app.MetaPartition] = strconv.Itoa(int(message.Partition))
	metadata[app.MetaOffset] = strconv.FormatInt(message.Offset, 10)
	metadata[app.MetaShippedAt] = message.Timestamp.UTC().Format(time.RFC3339Nano)
	return app.TailRecord{
		Partition: message.Partition, Offset: message.Offset, Payload: message.Value, Metadata: metadata, Time: message.Timestamp,
	}
}
