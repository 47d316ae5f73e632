package main

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace/e2e/servers"
)

// broker is a Kafka that tells how many Produce requests it got for a topic.
type broker interface {
	name() string
	brokers() []string
	produceRequests(ctx context.Context, topic string) (int64, error)
}

// fakeBroker is kfake, set up as the embedded Kafka is.
type fakeBroker struct {
	cluster  *kfake.Cluster
	requests atomic.Int64 // since it was last asked
}

func startFake(dir string) (*fakeBroker, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(dir, "kfake")), kfake.SyncWrites())
	if err != nil {
		return nil, err
	}
	f := &fakeBroker{cluster: cluster}
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		f.requests.Add(1)
		return nil, nil, false
	})
	return f, nil
}

func (f *fakeBroker) stop()             { f.cluster.Close() }
func (f *fakeBroker) name() string      { return "kfake" }
func (f *fakeBroker) brokers() []string { return f.cluster.ListenAddrs() }

func (f *fakeBroker) produceRequests(context.Context, string) (int64, error) {
	return f.requests.Swap(0), nil
}

// realBroker is Apache Kafka. It does not count for us, but each record of a
// synchronous publisher is a request.
type realBroker struct{ kafka *servers.Kafka }

func (*realBroker) name() string        { return "Kafka" }
func (r *realBroker) brokers() []string { return r.kafka.Brokers }

func (r *realBroker) produceRequests(ctx context.Context, topic string) (records int64, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.kafka.Brokers...))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	ends.Each(func(o kadm.ListedOffset) { records += o.Offset })
	return records, err
}

// wire counts the bytes that a client sends. It is a proxy.Dialer.
type wire struct{ sent atomic.Int64 }

// count makes a client's connections count.
func (w *wire) count(c *sarama.Config) {
	c.Net.Proxy.Enable = true
	c.Net.Proxy.Dialer = w
}

// Dial implements proxy.Dialer.
func (w *wire) Dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, 10*time.Second)
	return countingConn{conn, &w.sent}, err
}

type countingConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}
