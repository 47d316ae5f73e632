package batching

import (
	"errors"

	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

// poison sets aside a batch that cannot be made smaller and will never be
// taken.
func (p *Publisher) poison(batch Batch, reason error) {
	err := reason
	if p.cfg.PoisonTopic != "" {
		var ended bool
		if err, ended = p.sendAside(batch, reason); ended {
			p.abandon([]Batch{batch}, err)
			return
		}
	}
	kept := false
	if err != nil && p.cfg.LastResort != nil && p.cfg.Acknowledge != Flushed {
		failed := p.lastResort(batch, err)
		if kept = failed == nil; !kept {
			err = errors.Join(err, failed)
		}
	}
	for range batch.Count {
		p.cfg.Observer.Poisoned(batch.Topic, reason, err != nil && !kept)
	}
	switch {
	case kept:
		p.cfg.Logger.Error("units that nobody takes were kept aside", "topic", batch.Topic, "first", batch.First, "count", batch.Count, "error", err)
	case err != nil:
		p.cfg.Logger.Error("units that can never be sent are lost", "topic", batch.Topic, "first", batch.First, "count", batch.Count, "error", err)
	default:
		p.cfg.Logger.Warn("units that can never be sent were set aside", "topic", batch.Topic, "first", batch.First, "count", batch.Count,
			"aside", p.cfg.PoisonTopic, "reason", reason)
	}
	p.settle(batch, err)
}

func (p *Publisher) lastResort(batch Batch, reason error) (err error) {
	defer recovered(&err)
	return p.cfg.LastResort(batch, reason)
}

// sendAside publishes a batch on the poison topic, trying again while that may
// help. ended tells that Close ran out of time.
func (p *Publisher) sendAside(batch Batch, reason error) (failed error, ended bool) {
	aside := batch
	aside.Topic = p.cfg.PoisonTopic
	aside.Messages = copies(batch.Messages)
	for _, msg := range aside.Messages {
		msg.Metadata.Set(middleware.ReasonForPoisonedKey, reason.Error())
		msg.Metadata.Set(middleware.PoisonedTopicKey, batch.Topic)
		msg.Metadata.Set(middleware.PoisonedHandlerKey, p.String())
		if p.cfg.Mark != nil {
			p.cfg.Mark(batch, msg, reason)
		}
	}
	for attempt := 1; ; attempt++ {
		err := p.publishAll(aside)
		if err == nil {
			return nil, false
		}
		p.cfg.Observer.FlushFailed(aside, attempt, err)
		if p.cfg.IsTooLarge(err) || p.cfg.IsPermanent(err) {
			return errors.Join(reason, err), false
		}
		if !p.pause(attempt) {
			return errors.Join(reason, err), true
		}
	}
}

func (p *Publisher) publishAll(batch Batch) (err error) {
	defer recovered(&err)
	return p.next.Publish(batch.Topic, copies(batch.Messages)...)
}
