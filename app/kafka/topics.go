package kafka

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"millrace/app"
)

// poisonMaxBytes is the record limit of the poison topic. It is above the
// limit of the other topics, since what they refuse must fit here.
const poisonMaxBytes = 32 << 20

// EnsureTopics makes the topics of the pipeline that do not exist, and waits
// until they can be written to. Topics that exist stay as they are. An
// unreachable Kafka is an error of app.KindUnavailable.
func EnsureTopics(ctx context.Context, cfg app.KafkaConfig) error {
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, clientConfig())
	if err != nil {
		return unreachable(cfg.Brokers, err)
	}
	defer admin.Close()

	details := func(partitions int, settings map[string]*string) *sarama.TopicDetail {
		return &sarama.TopicDetail{
			NumPartitions: int32(partitions), ReplicationFactor: int16(cfg.Replication), ConfigEntries: settings,
		}
	}
	poisonLimit := strconv.Itoa(poisonMaxBytes)
	topics := map[string]*sarama.TopicDetail{
		app.TopicLogs:   details(cfg.Partitions, nil),
		app.TopicPoison: details(1, map[string]*string{"max.message.bytes": &poisonLimit}),
	}
	patience, cancel := context.WithTimeout(ctx, createPatience)
	defer cancel()
	for name, detail := range topics {
		if err := createTopic(patience, admin, name, detail); err != nil {
			return app.Errorf(app.KindUnavailable, "Kafka did not make the topic %s: %w", name, err)
		}
	}
	return awaitTopics(ctx, admin)
}

// createPatience is how long a Kafka may take that answers and whose brokers
// are on their way back, as after a start of its own.
const createPatience = 30 * time.Second

// createTopic makes a topic that does not exist.
func createTopic(ctx context.Context, admin sarama.ClusterAdmin, name string, detail *sarama.TopicDetail) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		err := admin.CreateTopic(name, detail, false)
		if err == nil || errors.Is(err, sarama.ErrTopicAlreadyExists) {
			return nil
		}
		if !isStarting(err) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// isStarting tells an answer that passes when brokers are back from one that a
// setting is to blame for. Fenced is a broker of which the controller does not
// know yet, or not any more, that it lives.
func isStarting(err error) bool {
	return errors.Is(err, sarama.ErrInvalidReplicationFactor) && strings.Contains(err.Error(), "fenced")
}

// awaitTopics returns when every partition of our topics has a leader.
func awaitTopics(ctx context.Context, admin sarama.ClusterAdmin) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		metadata, err := admin.DescribeTopics([]string{app.TopicLogs, app.TopicPoison})
		if err == nil && haveLeaders(metadata) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return app.Errorf(app.KindUnavailable, "Kafka made the topics but no broker leads them yet: %w", ctx.Err())
		}
	}
}

func haveLeaders(topics []*sarama.TopicMetadata) bool {
	for _, topic := range topics {
		if topic.Err != sarama.ErrNoError || len(topic.Partitions) == 0 {
			return false
		}
		for _, partition := range topic.Partitions {
			if partition.Err != sarama.ErrNoError || partition.Leader < 0 {
				return false
			}
		}
	}
	return true
}

// NewCheck returns a check that asks one of the brokers for the topic logs.
// Each check opens a connection of its own: a client that is in use would
// answer from memory.
func NewCheck(cfg app.KafkaConfig) app.Check {
	return app.CheckFunc("kafka", func(ctx context.Context) error {
		c := clientConfig()
		c.Metadata.Retry.Max = 0
		if deadline, ok := ctx.Deadline(); ok {
			c.Net.DialTimeout = time.Until(deadline)
			c.Net.ReadTimeout = time.Until(deadline)
		}
		client, err := sarama.NewClient(cfg.Brokers, c)
		if err != nil {
			return unreachable(cfg.Brokers, err)
		}
		defer client.Close()
		if _, err := client.Partitions(app.TopicLogs); err != nil {
			return app.Errorf(app.KindUnavailable, "Kafka answers but has no topic %s: %w", app.TopicLogs, err)
		}
		return nil
	})
}
