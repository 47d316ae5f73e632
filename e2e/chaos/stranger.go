package main

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"
)

// rebalance lets a stranger join the consumers' group for a while: partitions
// change hands when it comes and when it goes, and those that it has stand
// still meanwhile. It returns how many these were at the most.
func (s *site) rebalance(ctx context.Context, lasts time.Duration) (had int, err error) {
	member, err := sarama.NewConsumerGroup(s.all.Kafka.Brokers, group, sarama.NewConfig())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, member.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var it stranger
	for ctx.Err() == nil {
		if err := member.Consume(ctx, []string{"logs"}, &it); err != nil && !wait(ctx, time.Second) {
			break // Kafka may be broken, too
		}
	}
	return it.had, nil
}

// stranger is a member of a group that does nothing.
type stranger struct{ had int }

func (s *stranger) Setup(session sarama.ConsumerGroupSession) error {
	s.had = max(s.had, len(session.Claims()["logs"]))
	return nil
}

func (*stranger) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (*stranger) ConsumeClaim(session sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-session.Context().Done()
	return nil
}
