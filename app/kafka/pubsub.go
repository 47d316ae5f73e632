package kafka

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// reconnectPause is the wait before a lost consumer group is joined again.
const reconnectPause = time.Second

// NewPublisher connects a publisher that returns from Publish when the
// replicas named by cfg.Producer.Acks have the record. It sends messages one
// after another: hand it one message a batch. Safe for concurrent use; Close
// must not run beside Publish. tune may change the client's settings before it
// connects.
func NewPublisher(cfg app.KafkaConfig, logger watermill.LoggerAdapter, tune ...func(*sarama.Config)) (message.Publisher, error) {
	client := publisherConfig(cfg)
	for _, change := range tune {
		change(client)
	}
	pub, err := wmkafka.NewPublisher(wmkafka.PublisherConfig{
		Brokers:               cfg.Brokers,
		Marshaler:             marshaler{},
		OverwriteSaramaConfig: client,
	}, logger)
	if err != nil {
		return nil, unreachable(cfg.Brokers, err)
	}
	return named{pub}, nil
}

// NewSubscriber connects a member of the consumer group cfg.Group. Each
// partition hands out one message at a time and goes on when it is acked. A
// new group begins at the oldest record.
func NewSubscriber(cfg app.KafkaConfig, logger watermill.LoggerAdapter) (message.Subscriber, error) {
	sub, err := wmkafka.NewSubscriber(wmkafka.SubscriberConfig{
		Brokers:               cfg.Brokers,
		Unmarshaler:           marshaler{},
		OverwriteSaramaConfig: subscriberConfig(),
		ConsumerGroup:         cfg.Group,
		ReconnectRetrySleep:   reconnectPause,
	}, logger)
	if err != nil {
		return nil, unreachable(cfg.Brokers, err)
	}
	return sub, nil
}

// named gives the publisher a stable name in Watermill's metrics.
type named struct{ message.Publisher }

func (named) String() string { return "kafka.Publisher" }

func unreachable(brokers []string, err error) error {
	return app.Errorf(app.KindUnavailable, "no Kafka answers at %s (setting kafka-brokers): %w", fmt.Sprint(brokers), err)
}
