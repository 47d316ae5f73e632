package app

import "time"

// Config is every setting of the program. A setting's name is made of the
// tags on the way to it, joined by hyphens: Kafka.Brokers is kafka-brokers. It
// can be given as a flag (--kafka-brokers), in the environment
// (MILLRACE_KAFKA_BROKERS) or in a YAML file (kafka-brokers, or brokers under
// kafka); the first of these that says something wins. What is tagged live is
// taken anew when it changes in the file.
type Config struct {
	DataDir  string         `name:"data-dir" help:"folder for everything that is kept"`
	LogLevel string         `name:"log-level" live:"true" help:"own logs from this level up: debug, info, warn, error"`
	LogForm  string         `name:"log-format" help:"own logs as text or json"`
	Kafka    KafkaConfig    `name:"kafka"`
	Postgres PostgresConfig `name:"postgres"`
	Redis    RedisConfig    `name:"redis"`
	Embedded EmbeddedConfig `name:"embedded"`
	Batching BatchingConfig `name:"batching"`
	Journal  JournalConfig  `name:"journal"`
	Producer ProducerConfig `name:"producer"`
	Shipper  ShipperConfig  `name:"shipper"`
	Consumer ConsumerConfig `name:"consumer"`
	Gateway  GatewayConfig  `name:"gateway"`
	Access   AccessConfig   `name:"access"`
	TLS      TLSConfig      `name:"tls"`
	Tracing  TracingConfig  `name:"tracing"`
	APIKey   string         `name:"api-key" secret:"true" help:"API key that commands and roles show to servers of Millrace"`
	Shutdown time.Duration  `name:"shutdown-timeout" help:"how long a role may take to finish its work when stopped"`
	Live     *LiveConfig    `name:"-"` // tells of settings that are taken anew; may be nil
}

// TracingConfig is for traces of what becomes of requests.
type TracingConfig struct {
	Endpoint string  `name:"endpoint" help:"URL of an OpenTelemetry receiver that takes traces by OTLP over HTTP, such as http://localhost:4318; empty: nothing is traced"`
	Ratio    float64 `name:"ratio" help:"share, 0 to 1, of the requests that are traced when their callers do not say"`
}

// KafkaConfig says which Kafka to use and how to write to it.
type KafkaConfig struct {
	Brokers     []string            `name:"brokers" help:"addresses HOST:PORT of Kafka; empty with up: an embedded broker"`
	Partitions  int                 `name:"partitions" help:"partitions of the topic logs when it is made here; consumers work side by side, one a partition"`
	Replication int                 `name:"replication" help:"replicas of the topics when they are made here"`
	Compression string              `name:"compression" help:"none, gzip, snappy, lz4 or zstd"`
	Group       string              `name:"group" help:"consumer group of the consumers"`
	Producer    KafkaProducerConfig `name:"producer"`
}

// QuarantineGroup is the consumer group that reads what was set aside.
func (c KafkaConfig) QuarantineGroup() string { return c.Group + "-quarantine" }

// KafkaProducerConfig is how records are acknowledged.
type KafkaProducerConfig struct {
	Acks    string `name:"acks" help:"all, 1 or 0: which replicas must have a batch before it counts as sent; only all loses nothing"`
	Retries int    `name:"retries" help:"tries of the Kafka client before it reports a failure; the batch is then tried again as a whole"`
}

// PostgresConfig says which PostgreSQL to use.
type PostgresConfig struct {
	URL         string        `name:"url" secret:"true" help:"postgres://USER:PASSWORD@HOST:PORT/DATABASE; empty with up: an embedded server"`
	ReadURL     string        `name:"read-url" secret:"true" help:"where searches of the gateway go, a replica or a role that may only read; empty: postgres-url"`
	Connections int           `name:"connections" help:"largest number of connections of one role"`
	Timeout     time.Duration `name:"statement-timeout" help:"longest time a query of the gateway may take"`
}

// RedisConfig says which Redis to use.
type RedisConfig struct {
	Addr     string        `name:"addr" help:"address HOST:PORT of Redis; empty with up: an embedded server"`
	Password string        `name:"password" secret:"true" help:"password of Redis"`
	Timeout  time.Duration `name:"timeout" help:"longest wait for Redis before PostgreSQL is asked instead"`
}

// EmbeddedConfig is for the servers that up brings along.
type EmbeddedConfig struct {
	KafkaPort      int   `name:"kafka-port" help:"port of the embedded Kafka; 0: 9092, or a free one when that is taken"`
	PostgresPort   int   `name:"postgres-port" help:"port of the embedded PostgreSQL; 0: 5432, or a free one when that is taken"`
	RedisPort      int   `name:"redis-port" help:"port of the embedded Redis; 0: 6379, or a free one when that is taken"`
	KafkaRetention int64 `name:"kafka-retention" help:"bytes that the embedded Kafka keeps of what is consumed already"`
}

// BatchingConfig is how logs become batches.
type BatchingConfig struct {
	MaxBatchSize   int           `name:"max-batch-size" help:"logs that close a batch"`
	MaxDelay       time.Duration `name:"max-delay" help:"age of its first log that closes a batch"`
	MaxBytes       int           `name:"max-bytes" help:"uncompressed size that closes a batch; keep it below the message limit of Kafka"`
	BufferCapacity int           `name:"buffer-capacity" help:"logs held in memory at the most"`
	BufferBytes    int           `name:"buffer-bytes" help:"bytes of logs held in memory at the most"`
	WhenFull       string        `name:"when-full" help:"reject (503, the client comes back), block (the client waits) or drop (counted)"`
	Acknowledge    string        `name:"acknowledge" help:"journaled (answer once a log is on disk), flushed (once it is in Kafka) or buffered (once it is in memory, where a crash loses it)"`
	Together       int           `name:"max-together" help:"batches sent to Kafka in one request when so many are due"`
}

// JournalConfig bounds what the shipper keeps on disk until Kafka has it.
type JournalConfig struct {
	MaxBytes  int64   `name:"max-bytes" help:"size of the journal at which more logs are refused"`
	DiskShare float64 `name:"disk-share" help:"share, 0 to 1, of the free space of its disk that the journal may take"`
}

// ProducerConfig is for the synthetic producer.
type ProducerConfig struct {
	Addr string  `name:"addr" help:"address the producer listens on"`
	Rate float64 `name:"rate" live:"true" help:"synthetic logs a second"`
	URL  string  `name:"target" help:"where the producer and send ship to; empty: the shipper of this machine"`
}

// ShipperConfig is for the intake.
type ShipperConfig struct {
	Addr        string `name:"addr" help:"address the shipper listens on"`
	MaxBody     int64  `name:"max-body" help:"largest body of a request in bytes, after decompression"`
	MaxRequests int    `name:"max-requests" help:"requests handled at once; more are answered 503"`
}

// ConsumerConfig is for the consumer.
type ConsumerConfig struct {
	Addr           string        `name:"addr" help:"address the consumer listens on"`
	Retention      time.Duration `name:"retention" help:"age at which a day of logs is dropped; logs that are older when they come are kept aside"`
	RetentionBytes int64         `name:"retention-bytes" help:"size of the logs in PostgreSQL above which the oldest days are dropped, today never; 0: any"`
	MaxRetries     int           `name:"max-retries" help:"tries of a batch before it is handed back to Kafka for another round"`
}

// GatewayConfig is for the query side.
type GatewayConfig struct {
	Addr     string   `name:"addr" help:"address the gateway listens on"`
	URL      string   `name:"url" help:"where commands such as verify find the gateway; empty: the gateway of this machine"`
	Shippers []string `name:"shippers" help:"URLs of the shippers that the ledger asks how far they are; with up: the shipper of this process"`

	Consumers []string `name:"consumers" help:"URLs of the consumers that the pipeline's page tells of; with up: the consumer of this process"`
	Producers []string `name:"producers" help:"URLs of the producers that the pipeline's page tells of; with up: the producer of this process"`

	MaxRange    time.Duration `name:"max-range" help:"longest range of time of a search; 0: any"`
	Cache       bool          `name:"cache" help:"keep answers to searches and counts in Redis for a moment"`
	ClosedAfter time.Duration `name:"closed-after" help:"how long ago a time range must have ended for its answers to be kept for long: logs that come later than that are seen late there"`
	MaxTails    int           `name:"max-tails" help:"clients that follow logs at once; more are answered 429"`
	MaxSearches int           `name:"max-searches" help:"searches answered at once; more are answered 429"`
	MaxExports  int           `name:"max-exports" help:"exports at once; more are answered 429"`
}

// DefaultConfig returns the settings a program starts with. The ports,
// triggers and capacities are those of the Spring Boot system that Millrace
// follows.
func DefaultConfig() Config {
	return Config{
		DataDir: "data", LogLevel: "info", LogForm: "text", Shutdown: 30 * time.Second,
		Kafka: KafkaConfig{
			Partitions: 4, Replication: 1, Compression: "zstd", Group: "millrace",
			Producer: KafkaProducerConfig{Acks: "all", Retries: 3},
		},
		Postgres: PostgresConfig{Connections: 8, Timeout: 10 * time.Second},
		Redis:    RedisConfig{Timeout: 50 * time.Millisecond},
		Embedded: EmbeddedConfig{KafkaRetention: 512 << 20},
		Batching: BatchingConfig{
			MaxBatchSize: 1000, MaxDelay: 5 * time.Second, MaxBytes: 900_000,
			BufferCapacity: 10_000, BufferBytes: 64 << 20,
			WhenFull: "reject", Acknowledge: "journaled", Together: 32,
		},
		Tracing:  TracingConfig{Ratio: 1},
		Journal:  JournalConfig{MaxBytes: 10 << 30, DiskShare: 0.8},
		Producer: ProducerConfig{Addr: "127.0.0.1:8081", Rate: 10},
		Shipper:  ShipperConfig{Addr: "127.0.0.1:8082", MaxBody: 16 << 20, MaxRequests: 1024},
		Consumer: ConsumerConfig{Addr: "127.0.0.1:8083", Retention: 30 * 24 * time.Hour, MaxRetries: 8},
		Access:   AccessConfig{Mode: "auto"},
		Gateway:  GatewayConfig{Addr: "127.0.0.1:8080", Cache: true, ClosedAfter: time.Hour, MaxTails: 64, MaxSearches: 16, MaxExports: 2},
	}
}
