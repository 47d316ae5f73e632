package main

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace/e2e/servers"
)

// broker is a Kafka that tells what reached it since it was started.
type broker interface {
	name() string
	brokers() []string
	// produceRequests returns how many Produce requests came for a topic.
	produceRequests(ctx context.Context, topic string) (int64, error)
	// bytes returns how many bytes came for a topic.
	bytes(ctx context.Context, topic string) (int64, error)
}

// fakeBroker is kfake, set up as the embedded Kafka is. It counts what comes
// over the wire.
type fakeBroker struct {
	cluster  *kfake.Cluster
	requests atomic.Int64
	read     atomic.Int64
}

func startFake(dir string) (*fakeBroker, error) {
	f := &fakeBroker{}
	listen := func(network, address string) (net.Listener, error) {
		listener, err := net.Listen(network, address)
		return countingListener{listener, &f.read}, err
	}
	var err error
	f.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(dir, "kfake")), kfake.SyncWrites(), kfake.ListenFn(listen))
	if err != nil {
		return nil, err
	}
	f.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.cluster.KeepControl()
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

func (f *fakeBroker) bytes(context.Context, string) (int64, error) { return f.read.Swap(0), nil }

type countingListener struct {
	net.Listener
	read *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return countingConn{conn, l.read}, err
}

type countingConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// realBroker is Apache Kafka. It does not count for us, but a record of a
// synchronous publisher is a request, and a topic's size on disk is what came
// for it, but for each request's header.
type realBroker struct{ kafka *servers.Kafka }

func (*realBroker) name() string        { return "Kafka" }
func (r *realBroker) brokers() []string { return r.kafka.Brokers }

func (r *realBroker) produceRequests(ctx context.Context, topic string) (records int64, err error) {
	err = r.ask(func(admin *kadm.Client) error {
		ends, err := admin.ListEndOffsets(ctx, topic)
		ends.Each(func(o kadm.ListedOffset) { records += o.Offset })
		return err
	})
	return records, err
}

func (r *realBroker) bytes(ctx context.Context, topic string) (size int64, err error) {
	err = r.ask(func(admin *kadm.Client) error {
		dirs, err := admin.DescribeAllLogDirs(ctx, nil)
		dirs.Each(func(dir kadm.DescribedLogDir) {
			dir.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				if p.Topic == topic {
					size += p.Size
				}
			})
		})
		return err
	})
	return size, err
}

func (r *realBroker) ask(question func(*kadm.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.kafka.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	return question(kadm.NewClient(client))
}
