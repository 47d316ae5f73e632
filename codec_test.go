package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/otlp"
	"millrace/http/intake"
	"millrace/middleware/batching"
)

func request(t *testing.T, messages ...string) *message.Message {
	t.Helper()
	logs := make([]app.Log, len(messages))
	for i := range logs {
		logs[i] = app.Log{Time: time.Unix(1, 0), Service: "s", Message: messages[i]}
	}
	payload, err := otlp.Encode(logs)
	if err != nil {
		t.Fatal(err)
	}
	msg := message.NewMessage("1", payload)
	msg.Metadata.Set(intake.MetaCount, string(rune('0'+len(messages))))
	return msg
}

func TestAnOTLPRequestWithoutLogsIsWarnedOf(t *testing.T) {
	for _, json := range []bool{false, true} {
		if none, one := (intakeCodec{}).Response(0, json), (intakeCodec{}).Response(1, json); !bytes.Contains(none, []byte("resourceLogs")) || bytes.Contains(one, []byte("resourceLogs")) {
			t.Errorf("JSON %v: %q of none, %q of one", json, none, one)
		}
	}
}

func TestRequestsAreCutAndJoinedIntoBatches(t *testing.T) {
	whole := request(t, "a", "b", "c", "d", "e")
	if n, err := countLogs(whole); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	head, tail, n, err := splitLogs(whole, 2, 1<<20)
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	batch := batching.Batch{Sequence: "k3v9", First: 7, Count: 4, SealedAt: time.Unix(9, 0), Messages: []*message.Message{tail, request(t, "f")}}
	packed := packBatch(batch, headOf(batch))
	if err != nil || packed.UUID != "k3v9-7" {
		t.Fatal(packed, err)
	}
	if count, err := otlp.Count(packed.Payload); count != 4 || err != nil {
		t.Error(count, err)
	}
	got := ""
	for log, err := range (otlp.Codec{}).Logs(append(head.Payload, packed.Payload...), time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		got += log.Message
	}
	if got != "abcdef" {
		t.Errorf("the logs are %s", got)
	}
	packed.Metadata[app.MetaTopic], packed.Metadata[app.MetaPartition], packed.Metadata[app.MetaOffset] = "logs", "0", "0"
	if h, err := app.ReadBatchHead(packed.Metadata, 4); err != nil || h.ID() != "k3v9-7" || h.Last() != 10 {
		t.Error(h, err)
	}
	markPoisoned(batch, tail, sarama.ErrInvalidRecord)
	if r := app.ReadPoison(tail.Metadata, tail.Payload, otlp.Count); r.ID() != "k3v9-7" || r.Count != 4 || r.Stage != app.StageShip || r.Reason != app.ReasonInvalid {
		t.Errorf("set aside as %+v", r)
	}
	if markPoisoned(batch, tail, sarama.ErrMessageSizeTooLarge); tail.Metadata.Get(app.MetaReason) != app.ReasonTooLarge {
		t.Errorf("set aside for %v", tail.Metadata)
	}
	if _, tail, n, _ := splitLogs(whole, 5, 1<<20); tail != nil || n != 5 {
		t.Error("a request that fits was cut")
	}
}
