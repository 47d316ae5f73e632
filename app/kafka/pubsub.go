package kafka

import (
	"context"
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
// replicas named by cfg.Producer.Acks have every record. Safe for concurrent
// use; Close must not run beside Publish. tune may change the client's settings
// before it connects.
func NewPublisher(cfg app.KafkaConfig, tune ...func(*sarama.Config)) (message.Publisher, error) {
	client := publisherConfig(cfg)
	for _, change := range tune {
		change(client)
	}
	pub, err := newReconnecting(func() (message.Publisher, error) { return connect(cfg, client) })
	if err != nil {
		return nil, unreachable(cfg.Brokers, err)
	}
	return pub, nil
}

// NewPatientPublisher returns a publisher that connects, and makes the topics
// that are not there, when it first has something to send: for those who can
// wait while Kafka is away.
func NewPatientPublisher(cfg app.KafkaConfig, tune ...func(*sarama.Config)) message.Publisher {
	client := publisherConfig(cfg)
	for _, change := range tune {
		change(client)
	}
	return &reconnecting{connect: func() (message.Publisher, error) {
		ctx, cancel := context.WithTimeout(context.Background(), netTimeout)
		defer cancel()
		if err := EnsureTopics(ctx, cfg); err != nil {
			return nil, err
		}
		return connect(cfg, client)
	}}
}

// NewSubscriber connects a member of the consumer group cfg.Group. Each
// partition hands out one message at a time and goes on when it is acked. A
// new group begins at the oldest record.
func NewSubscriber(cfg app.KafkaConfig, logger watermill.LoggerAdapter, tune ...func(*sarama.Config)) (message.Subscriber, error) {
	client := subscriberConfig()
	for _, change := range tune {
		change(client)
	}
	sub, err := wmkafka.NewSubscriber(wmkafka.SubscriberConfig{
		Brokers:               cfg.Brokers,
		Unmarshaler:           marshaler{},
		OverwriteSaramaConfig: client,
		ConsumerGroup:         cfg.Group,
		ReconnectRetrySleep:   reconnectPause,
	}, logger)
	if err != nil {
		return nil, unreachable(cfg.Brokers, err)
	}
	return sub, nil
}

func unreachable(brokers []string, err error) error {
	return app.Errorf(app.KindUnavailable, "no Kafka answers at %s (setting kafka-brokers): %w", fmt.Sprint(brokers), err)
}
