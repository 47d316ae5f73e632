package main

import (
	"cmp"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/http/intake"
	"millrace/middleware/batching"
)

// This file is where OTLP meets those who know nothing of it: intake, and the
// batching publisher.

// intakeCodec is intake's Codec.
type intakeCodec struct{ otlp.Codec }

func (intakeCodec) FromJSON(body []byte, received time.Time) ([]byte, int, error) {
	return otlp.FromJSON(body, otlp.Intake{Received: received})
}

func (intakeCodec) FromNDJSON(body []byte, received time.Time) ([]byte, int, error) {
	return otlp.FromNDJSON(body, otlp.Intake{Received: received})
}

func (intakeCodec) FromOTLPJSON(body []byte) ([]byte, int, error) { return otlp.FromOTLPJSON(body) }

// noLogs warns who sent JSON of another form: what OTLP does not know, it wants
// passed over.
const noLogs = "the request holds no log: OTLP has them under resourceLogs, and /api/logs takes plain JSON"

func (intakeCodec) Response(logs int, json bool) []byte {
	if logs == 0 {
		return otlp.Response(0, noLogs, json)
	}
	return otlp.Response(0, "", json)
}

func (intakeCodec) Status(kind app.Kind, message string, json bool) []byte {
	return otlp.Status(otlp.StatusCode(kind), message, json)
}

// countLogs returns how many logs a message holds, which intake counted, for
// batching.Config.
func countLogs(msg *message.Message) (int, error) {
	return strconv.Atoi(msg.Metadata.Get(intake.MetaCount))
}

// splitLogs cuts a message between two logs, for batching.Config.
func splitLogs(msg *message.Message, maxLogs, maxBytes int) (head, tail *message.Message, count int, err error) {
	first, rest, count, err := otlp.Split(msg.Payload, maxLogs, maxBytes)
	if err != nil || count == 0 {
		return nil, msg, 0, err
	}
	part := func(payload []byte) *message.Message {
		out := msg.Copy()
		out.SetContext(msg.Context())
		out.Payload = payload
		return out
	}
	if rest != nil {
		tail = part(rest)
	}
	return part(first), tail, count, nil
}

// packBatch joins requests into the one that is a batch's record. A sequence of
// the publisher's is what the ledger knows as a shipper.
func packBatch(batch batching.Batch, head app.BatchHead) *message.Message {
	payload := make([]byte, 0, batch.Bytes)
	for _, msg := range batch.Messages {
		payload = append(payload, msg.Payload...)
	}
	msg := message.NewMessage(head.ID(), payload)
	msg.Metadata = head.Metadata()
	return msg
}

// markPoisoned tells the numbers of what is set aside, and why it is, for
// batching.Config: it is missing from the ledger, and not lost.
func markPoisoned(batch batching.Batch, msg *message.Message, reason error) {
	for key, value := range headOf(batch).Metadata() {
		msg.Metadata.Set(key, value)
	}
	msg.Metadata.Set(app.MetaStage, app.StageShip)
	msg.Metadata.Set(app.MetaReason, cmp.Or(hopelessReason(reason), app.ReasonUnknown))
}

// hopelessReason says why Kafka will never take a record, and nothing when it
// may take it after all.
func hopelessReason(err error) string {
	switch {
	case kafka.IsTooLarge(err):
		return app.ReasonTooLarge
	case kafka.IsPermanent(err):
		return app.ReasonInvalid
	default:
		return ""
	}
}

func headOf(batch batching.Batch) app.BatchHead {
	return app.BatchHead{
		Shipper: batch.Sequence, First: batch.First, Count: batch.Count,
		OpenedAt: batch.OpenedAt, SealedAt: batch.SealedAt, Trigger: string(batch.Trigger),
	}
}
