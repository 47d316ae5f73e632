package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// maxLanes bounds the connections to each broker.
const maxLanes = 4

// publisher sends the messages of one call together: watermill-kafka's own
// sends them one after another, and waits for each. They go over several lanes,
// since a client compresses what is for one broker in one goroutine: with two,
// both processors compress, and one lane's records are on their way meanwhile.
type publisher struct {
	lanes    []lane // one or more
	once     sync.Once
	closeErr error
}

// lane is a client of its own, with its own connections.
type lane struct {
	client   sarama.Client
	producer sarama.SyncProducer
}

func connect(cfg app.KafkaConfig, config *sarama.Config) (message.Publisher, error) {
	p := &publisher{}
	for range min(runtime.GOMAXPROCS(0), maxLanes) {
		client, err := sarama.NewClient(cfg.Brokers, config)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		producer, err := sarama.NewSyncProducerFromClient(client)
		if err != nil {
			return nil, errors.Join(err, client.Close(), p.Close())
		}
		p.lanes = append(p.lanes, lane{client, producer})
	}
	return p, nil
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
	if err := p.send(topic, records); err != nil {
		return fmt.Errorf("kafka: topic %s: %w", topic, err)
	}
	return nil
}

// send spreads records over the lanes, those of a partition over one.
func (p *publisher) send(topic string, records []*sarama.ProducerMessage) error {
	partitions, err := p.lanes[0].client.Partitions(topic)
	if err != nil {
		return err
	}
	hash := sarama.NewHashPartitioner(topic)
	for _, record := range records {
		if record.Partition, err = hash.Partition(record, int32(len(partitions))); err != nil {
			return err
		}
	}
	shares := share(records, len(p.lanes))
	failures := make([]error, len(shares))
	var sending sync.WaitGroup
	for i, records := range shares {
		sending.Go(func() { failures[i] = p.lanes[i].producer.SendMessages(records) })
	}
	sending.Wait()
	return worst(failures)
}

// share divides records into at most n shares of about as many bytes. A
// partition's stay together, in order.
func share(records []*sarama.ProducerMessage, n int) [][]*sarama.ProducerMessage {
	sizes := map[int32]int{}
	for _, record := range records {
		sizes[record.Partition] += record.Value.Length()
	}
	shares := make([][]*sarama.ProducerMessage, min(n, len(sizes)))
	loads := make([]int, len(shares))
	of := map[int32]int{}
	largestFirst := func(a, b int32) int { return cmp.Or(sizes[b]-sizes[a], int(a-b)) }
	for _, partition := range slices.SortedFunc(maps.Keys(sizes), largestFirst) {
		least := slices.Index(loads, slices.Min(loads))
		of[partition] = least
		loads[least] += sizes[partition]
	}
	for _, record := range records {
		i := of[record.Partition]
		shares[i] = append(shares[i], record)
	}
	return shares
}

// worst returns one of the errors: what is permanent, rather than what may
// pass. They are alike, and one is enough to read.
func worst(failures []error) (err error) {
	for _, failure := range failures {
		var each sarama.ProducerErrors
		if !errors.As(failure, &each) {
			each = sarama.ProducerErrors{{Err: failure}}
		}
		for _, e := range each {
			if err == nil || IsPermanent(e.Err) {
				err = e.Err
			}
		}
	}
	return err
}

func (p *publisher) Close() error {
	p.once.Do(func() {
		for _, l := range p.lanes {
			p.closeErr = errors.Join(p.closeErr, l.producer.Close(), l.client.Close())
		}
	})
	return p.closeErr
}
