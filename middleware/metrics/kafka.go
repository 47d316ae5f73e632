package metrics

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/app"
)

// NewKafka registers what a Kafka client sent and received, as traffic tells
// when it is asked.
func NewKafka(r prometheus.Registerer, traffic func() app.Traffic) {
	r.MustRegister(&kafkaTraffic{traffic: traffic})
}

type kafkaTraffic struct{ traffic func() app.Traffic }

var (
	kafkaRequests  = prometheus.NewDesc("kafka_requests_total", "Requests to Kafka, by what they ask for.", []string{"request"}, nil)
	kafkaResponses = prometheus.NewDesc("kafka_responses_total", "Answers from Kafka.", nil, nil)
	kafkaSent      = prometheus.NewDesc("kafka_sent_bytes_total", "Bytes sent to Kafka.", nil, nil)
	kafkaReceived  = prometheus.NewDesc("kafka_received_bytes_total", "Bytes received from Kafka.", nil, nil)
	kafkaInFlight  = prometheus.NewDesc("kafka_requests_in_flight", "Requests that Kafka has not answered yet.", nil, nil)
)

// Describe implements prometheus.Collector.
func (*kafkaTraffic) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{kafkaRequests, kafkaResponses, kafkaSent, kafkaReceived, kafkaInFlight} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (k *kafkaTraffic) Collect(out chan<- prometheus.Metric) {
	now := k.traffic()
	counter := func(desc *prometheus.Desc, value int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	for request, n := range now.Requests {
		counter(kafkaRequests, n, request)
	}
	counter(kafkaResponses, now.Responses)
	counter(kafkaSent, now.SentBytes)
	counter(kafkaReceived, now.ReadBytes)
	out <- prometheus.MustNewConstMetric(kafkaInFlight, prometheus.GaugeValue, float64(now.InFlight))
}

// Lag shows how far the consumers are behind.
type Lag struct {
	failures prometheus.Counter

	mu  sync.Mutex
	lag []app.PartitionLag // guarded by mu; empty while it is not known
}

var kafkaLag = prometheus.NewDesc("kafka_consumer_lag", "Records of a partition that the consumer group has not stored yet.", []string{"topic", "partition"}, nil)

// NewLag registers the metrics of the lag.
func NewLag(r prometheus.Registerer) *Lag {
	l := &Lag{failures: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "kafka_consumer_lag_failures_total", Help: "Times that Kafka could not be asked for the lag; it is not shown then.",
	})}
	r.MustRegister(l.failures, l)
	return l
}

// Observe shows the lag from now on, or, after an error, nothing: an old lag
// would look like one that stands still.
func (l *Lag) Observe(lag []app.PartitionLag, err error) {
	if err != nil {
		l.failures.Inc()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag = lag
}

// Describe implements prometheus.Collector.
func (*Lag) Describe(out chan<- *prometheus.Desc) { out <- kafkaLag }

// Collect implements prometheus.Collector.
func (l *Lag) Collect(out chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.lag {
		out <- prometheus.MustNewConstMetric(kafkaLag, prometheus.GaugeValue, float64(p.Records), p.Topic, strconv.Itoa(int(p.Partition)))
	}
}
