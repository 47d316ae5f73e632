package e2e

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
)

// emptyTopics deletes every record of the topics that all tests share, once a
// test is over. Each test has a consumer group of its own, which begins at the
// oldest record: it would read, and store, what all the tests before it sent.
func emptyTopics(t *testing.T) {
	t.Helper()
	client, err := sarama.NewClient(kafka.Brokers, sarama.NewConfig())
	if err != nil {
		t.Error(err)
		return
	}
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		t.Error(errors.Join(err, client.Close()))
		return
	}
	defer admin.Close() // and the client with it
	for _, topic := range []string{"logs", "logs.poison"} {
		ends, err := topicEnds(client, topic)
		if err == nil && len(ends) > 0 {
			err = admin.DeleteRecords(topic, ends)
		}
		if err != nil {
			t.Errorf("emptying topic %s: %v", topic, err)
		}
	}
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
