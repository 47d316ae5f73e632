package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"

	"millrace/app"
)

// segmentBytes is the size of the broker's files. They are deleted whole, so
// this is also by how much its disk use may exceed the retention in each
// partition.
const segmentBytes = 8 << 20

// KafkaConfig configures the embedded Kafka.
type KafkaConfig struct {
	Dir            string   // where it keeps its data
	Port           int      // 0: 9092, or a free one when that is taken
	Groups         []string // the consumer groups whose progress frees space
	RetentionBytes int64    // what is kept of each topic that they consumed
	Logger         *slog.Logger
}

// Kafka is a broker in this process. It acknowledges a record when it is on
// disk.
type Kafka struct {
	cluster *kfake.Cluster
	stop    context.CancelFunc
	janitor sync.WaitGroup
}

// StartKafka starts a broker that runs until it is closed, with the data of
// the last one in the same folder.
func StartKafka(cfg KafkaConfig) (*Kafka, error) {
	port, err := pickPort(cfg.Port, 9092, "embedded-kafka-port", "kafka-brokers")
	if err != nil {
		return nil, err
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.DataDir(cfg.Dir),
		kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{
			"log.segment.bytes": strconv.Itoa(segmentBytes),
			// Records go when they were consumed, never because of age.
			"log.retention.ms": "-1",
		}),
		kfake.WithLogger(kafkaLogger{cfg.Logger}),
	)
	if err != nil {
		return nil, app.Errorf(app.KindInternal, "the embedded Kafka did not start on the data in %s: %w", cfg.Dir, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &Kafka{cluster: cluster, stop: stop}
	janitor, err := newJanitor(k.Brokers(), cfg)
	if err != nil {
		return nil, errors.Join(err, k.Close())
	}
	k.janitor.Go(func() { janitor.run(ctx) })
	return k, nil
}

// Brokers returns the addresses to connect to.
func (k *Kafka) Brokers() []string { return k.cluster.ListenAddrs() }

// Close stops the broker. Its data stay.
func (k *Kafka) Close() error {
	k.stop()
	k.janitor.Wait()
	k.cluster.Close()
	return nil
}

// kafkaLogger hands the broker's log to slog. Its news are for debugging.
type kafkaLogger struct{ logger *slog.Logger }

func (l kafkaLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	severity := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		severity = slog.LevelError
	case kfake.LogLevelWarn:
		severity = slog.LevelWarn
	}
	if l.logger.Enabled(context.Background(), severity) {
		l.logger.Log(context.Background(), severity, fmt.Sprintf(format, args...))
	}
}
