package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/app/otlp"
)

const (
	partitions = 4
	// arriveTimeout is how long what was accepted may take to reach Kafka, and
	// settled is how long a topic that gets nothing new counts as at rest.
	arriveTimeout = 5 * time.Minute
	settled       = 400 * time.Millisecond
	// settlePoll is the pause between looks at a topic that still grows.
	settlePoll = 50 * time.Millisecond
)

// arrivals tells what reached a topic, and when. It reads the records only when
// the topic is at rest: until then, the machine is for what is measured.
type arrivals struct {
	brokers []string
	topic   string
	admin   *kadm.Client
	from    kadm.ListedOffsets
}

// arrived is what reached a topic.
type arrived struct {
	logs        int
	first, last time.Time // when the broker wrote the first and the last record
}

// prepareTopic makes the topic if it is not there. Its records carry the time
// at which the broker wrote them.
func prepareTopic(ctx context.Context, brokers []string, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return err
	}
	written := "LogAppendTime"
	answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: &written}}, topic)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		err = errors.Join(err, answer.Err)
	}
	return err
}

// watchTopic returns what tells of the records from now on.
func watchTopic(ctx context.Context, brokers []string, topic string) (*arrivals, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	a := &arrivals{brokers: brokers, topic: topic, admin: kadm.NewClient(client)}
	if a.from, err = a.admin.ListEndOffsets(ctx, topic); err == nil {
		err = a.from.Error()
	}
	if err != nil {
		a.close()
	}
	return a, err
}

func (a *arrivals) close() { a.admin.Close() }

// await waits until that many logs are on the topic. More is no error:
// delivery is at least once, and arrived tells.
func (a *arrivals) await(ctx context.Context, logs int) (arrived, error) {
	ctx, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	if err := a.awaitRest(ctx); err != nil {
		return arrived{}, err
	}
	from := map[int32]kgo.Offset{}
	a.from.Each(func(o kadm.ListedOffset) { from[o.Partition] = kgo.NewOffset().At(o.Offset) })
	client, err := kgo.NewClient(kgo.SeedBrokers(a.brokers...), kgo.FetchMaxPartitionBytes(32<<20),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{a.topic: from}))
	if err != nil {
		return arrived{}, err
	}
	defer client.Close()
	var got arrived
	for got.logs < logs {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return got, fmt.Errorf("%d of %d logs are on topic %s: %w", got.logs, logs, a.topic, err)
		}
		for record := range fetches.RecordsAll() {
			count, err := otlp.Count(record.Value)
			if err != nil {
				return got, err
			}
			got.add(count, record.Timestamp)
		}
	}
	return got, nil
}

func (g *arrived) add(logs int, at time.Time) {
	g.logs += logs
	if g.first.IsZero() || at.Before(g.first) {
		g.first = at
	}
	if at.After(g.last) {
		g.last = at
	}
}

// awaitRest waits until something is on the topic and nothing more comes.
func (a *arrivals) awaitRest(ctx context.Context) error {
	records := func() (n int64, err error) {
		ends, err := a.admin.ListEndOffsets(ctx, a.topic)
		if err != nil {
			return 0, err
		}
		ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
		a.from.Each(func(o kadm.ListedOffset) { n -= o.Offset })
		return n, ends.Error()
	}
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	var seen int64
	since := time.Now()
	for {
		n, err := records()
		switch {
		case err != nil:
			return err
		case n != seen:
			seen, since = n, time.Now()
		case seen > 0 && time.Since(since) > settled:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("topic %s is not at rest: %w", a.topic, ctx.Err())
		}
	}
}
