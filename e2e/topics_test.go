package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/IBM/sarama"
)

// emptyTopics deletes every record of the topics that all tests share, once a
// test is over. Each test has a consumer group of its own, which begins at the
// oldest record: it would read, and store, what all the tests before it sent.
// On a machine with much to do, Kafka may be busy with itself for a while.
func emptyTopics(t *testing.T) {
	t.Helper()
	var err error
	t.Cleanup(func() {
		if t.Failed() && err != nil {
			t.Log(err)
		}
	})
	eventually(t, "the topics can be emptied", func() bool {
		err = deleteRecords("logs", "logs.poison")
		return err == nil
	})
}

func deleteRecords(topics ...string) error {
	client, err := sarama.NewClient(kafka.Brokers, sarama.NewConfig())
	if err != nil {
		return err
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	defer admin.Close() // and the client with it
	for _, topic := range topics {
		ends, err := topicEnds(client, topic)
		if err == nil && len(ends) > 0 {
			err = admin.DeleteRecords(topic, ends)
		}
		if err != nil {
			return fmt.Errorf("emptying topic %s: %w", topic, err)
		}
	}
	return nil
}

// topicEnds returns the offset behind the last record of each partition; none
// for a topic that nobody made yet.
func topicEnds(client sarama.Client, topic string) (map[int32]int64, error) {
	topics, err := client.Topics()
	if err != nil {
		return nil, err
	}
	ends := map[int32]int64{}
	for _, known := range topics {
		if known != topic {
			continue
		}
		partitions, err := client.Partitions(topic)
		if err != nil {
			return nil, err
		}
		for _, partition := range partitions {
			end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
			if err != nil {
				return nil, err
			}
			if end > 0 {
				ends[partition] = end
			}
		}
	}
	return ends, nil
}
