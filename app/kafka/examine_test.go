package kafka_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"millrace/app"
	"millrace/app/kafka"
)

// set changes settings of a topic.
func set(t *testing.T, cfg app.KafkaConfig, topic string, settings map[string]string) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	entries := map[string]*string{}
	for name, value := range settings {
		entries[name] = &value
	}
	if err := admin.AlterConfig(sarama.TopicResource, topic, entries, false); err != nil {
		t.Fatal(err)
	}
}

// expect looks for one finding that begins so, and returns whether all others
// are fine.
func expect(t *testing.T, found []app.Diagnosis, verdict app.Verdict, finding, advice string) {
	t.Helper()
	for _, d := range found {
		if d.Verdict == verdict && strings.Contains(d.Finding, finding) && strings.Contains(d.Advice, advice) {
			return
		}
	}
	t.Errorf("nothing %s is said of %q with the advice %q: %+v", verdict, finding, advice, found)
}

func TestExamineFindsNothingWrongWithOurOwnTopics(t *testing.T) {
	for _, d := range kafka.Examine(t.Context(), startKafka(t), app.DefaultConfig().Batching.MaxBytes) {
		if d.Verdict != app.VerdictFine {
			t.Errorf("%+v", d)
		}
	}
}

func TestExamineTellsWhatDoesNotSuit(t *testing.T) {
	const maxBytes = 900_000
	for name, tc := range map[string]struct {
		settings        map[string]string
		change          func(*app.KafkaConfig)
		verdict         app.Verdict
		finding, advice string
	}{
		"messages too small":   {map[string]string{"max.message.bytes": "500000"}, nil, app.VerdictBetter, "takes records of 500000 bytes", "set batching-max-bytes to 497952"},
		"compacted":            {map[string]string{"cleanup.policy": "compact"}, nil, app.VerdictWrong, "compacted", "cleanup.policy=delete"},
		"copies never enough":  {map[string]string{"min.insync.replicas": "2"}, nil, app.VerdictWrong, "nothing is ever taken", "min.insync.replicas=1"},
		"kept for an hour":     {map[string]string{"retention.ms": "3600000"}, nil, app.VerdictBetter, "for 1h0m0s", "retention.ms=604800000"},
		"kept to a size":       {map[string]string{"retention.bytes": "1000"}, nil, app.VerdictBetter, "keeps 1000 bytes", "retention.bytes=-1"},
		"partitions too few":   {nil, func(cfg *app.KafkaConfig) { cfg.Partitions = 12 }, app.VerdictBetter, "has 4 partitions", "--partitions 12"},
		"copies too few":       {nil, func(cfg *app.KafkaConfig) { cfg.Replication = 3 }, app.VerdictBetter, "has 1 replica, and kafka-replication is 3", "set kafka-replication to 1"},
		"a broker that is not": {nil, func(cfg *app.KafkaConfig) { cfg.Brokers = []string{"127.0.0.1:1"} }, app.VerdictWrong, "no broker answers at 127.0.0.1:1", "kafka-brokers"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := startKafka(t)
			if tc.settings != nil {
				set(t, cfg, app.TopicLogs, tc.settings)
			}
			if tc.change != nil {
				tc.change(&cfg)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			expect(t, kafka.Examine(ctx, cfg, maxBytes), tc.verdict, tc.finding, tc.advice)
		})
	}
}
