package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"millrace/app"
)

// lagEvery is how often Kafka is asked for the lag: three requests to each
// broker. The group commits what it has consumed once a second.
const lagEvery = 5 * time.Second

// lagTimeout bounds each of these requests, and so how long a role that stops
// waits for a broker that hangs.
const lagTimeout = 2 * time.Second

// Lag finds out how far the consumer group is behind in each partition of the
// topic logs, whether or not it is consumed here or by anyone.
type Lag struct {
	cfg     app.KafkaConfig
	observe func([]app.PartitionLag, error)
	client  sarama.Client       // nil while there is no connection
	admin   sarama.ClusterAdmin // over client
}

// NewLag returns a Lag that tells observe what it found, or why it could not.
func NewLag(cfg app.KafkaConfig, observe func([]app.PartitionLag, error)) *Lag {
	return &Lag{cfg: cfg, observe: observe}
}

// Run asks until ctx ends.
func (l *Lag) Run(ctx context.Context) error {
	defer l.disconnect()
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		lag, err := l.read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			l.disconnect()
		}
		l.observe(lag, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *Lag) disconnect() {
	if l.admin != nil {
		_ = l.admin.Close() // and with it the client
	}
	l.client, l.admin = nil, nil
}

func (l *Lag) connect() (err error) {
	if l.admin != nil {
		return nil
	}
	c := clientConfig()
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = lagTimeout, lagTimeout, lagTimeout
	c.Admin.Retry.Max = 1
	if l.client, err = sarama.NewClient(l.cfg.Brokers, c); err != nil {
		return unreachable(l.cfg.Brokers, err)
	}
	if l.admin, err = sarama.NewClusterAdminFromClient(l.client); err != nil {
		_ = l.client.Close()
		return unreachable(l.cfg.Brokers, err)
	}
	return nil
}

func (l *Lag) read(ctx context.Context) ([]app.PartitionLag, error) {
	if err := l.connect(); err != nil {
		return nil, err
	}
	partitions, err := l.client.Partitions(app.TopicLogs)
	if err != nil {
		return nil, err
	}
	committed, err := l.admin.ListConsumerGroupOffsets(l.cfg.Group, map[string][]int32{app.TopicLogs: partitions})
	switch {
	case errors.Is(err, sarama.ErrGroupIDNotFound): // it has yet to consume anything
		committed = &sarama.OffsetFetchResponse{}
	case err != nil:
		return nil, err
	}
	lag := make([]app.PartitionLag, 0, len(partitions))
	for _, partition := range partitions {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		end, err := l.client.GetOffset(app.TopicLogs, partition, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		begin, err := l.client.GetOffset(app.TopicLogs, partition, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		// A group that has committed nothing begins at the oldest record, and
		// so does one that retention has overtaken.
		if block := committed.GetBlock(app.TopicLogs, partition); block != nil && block.Err == sarama.ErrNoError {
			begin = max(begin, block.Offset)
		}
		lag = append(lag, app.PartitionLag{Topic: app.TopicLogs, Partition: partition, Records: max(0, end-begin)})
	}
	return lag, nil
}
