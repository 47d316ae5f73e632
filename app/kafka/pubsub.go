package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

func connect(cfg app.KafkaConfig, client *sarama.Config) (message.Publisher, error) {
	producer, err := sarama.NewSyncProducer(cfg.Brokers, client)
	if err != nil {
		return nil, err
	}
	return &publisher{producer: producer}, nil
}

// publisher sends the messages of one call together: watermill-kafka's own
// sends them one after another, and waits for each.
type publisher struct {
	producer sarama.SyncProducer
	once     sync.Once
	closeErr error
}

// Publish sends the messages, in order within each partition. When it fails,
// some may have been taken nevertheless.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	records := make([]*sarama.ProducerMessage, len(messages))
	for i, msg := range messages {
		record, err := marshaler{}.Marshal(topic, msg)
		if err != nil {
			return fmt.Errorf("kafka: message %s: %w", msg.UUID, err)
		}
		records[i] = record
	}
	err := p.producer.SendMessages(records)
	var each sarama.ProducerErrors
	if errors.As(err, &each) && len(each) > 0 {
		err = each[0].Err // the others' are alike, and one is enough to read
		for _, other := range each {
			if IsPermanent(other.Err) {
				err = other.Err
			}
		}
	}
	if err != nil {
		return fmt.Errorf("kafka: topic %s: %w", topic, err)
	}
	return nil
}

func (p *publisher) Close() error {
	p.once.Do(func() { p.closeErr = p.producer.Close() })
	return p.closeErr
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
