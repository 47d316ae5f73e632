package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"millrace/app"
	"millrace/e2e/servers"
)

// topicCollector is the Collector's: the shippers have app.TopicLogs.
const topicCollector = "collector"

// candidate is a process that takes logs over OTLP and puts them on a topic.
type candidate struct {
	*servers.Process
	name, topic, address string
}

// startShipper starts the shipper; acknowledge says when it answers, and
// settings are flags. It keeps its data in a folder of its own in dir.
func (b *bench) startShipper(ctx context.Context, dir, acknowledge string, settings ...string) (*candidate, error) {
	c, err := newCandidate("millrace, "+acknowledge, app.TopicLogs)
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"shipper", "--shipper-addr=" + c.address, "--data-dir=" + filepath.Join(dir, acknowledge),
		"--kafka-brokers=" + strings.Join(b.kafka.Brokers, ","),
		"--batching-acknowledge=" + acknowledge, "--log-level=warn",
	}, settings...)
	c.Process, err = servers.Run(ctx, c.name, filepath.Join(dir, acknowledge+".log"),
		func() *exec.Cmd { return exec.Command(b.millrace, args...) }, c.isHealthy)
	return c, err
}

// startCollector starts the Collector, as its config.yaml says.
func (b *bench) startCollector(ctx context.Context, dir string) (*candidate, error) {
	c, err := newCandidate("Collector, fsync", topicCollector)
	if err != nil {
		return nil, err
	}
	c.Process, err = servers.Run(ctx, c.name, filepath.Join(dir, "collector.log"), func() *exec.Cmd {
		command := exec.Command(b.collector, "--config", filepath.Join(b.repository, "tools", "collector", "config.yaml"))
		command.Env = append(os.Environ(), "COLLECTOR_ENDPOINT="+c.address, "COLLECTOR_TOPIC="+c.topic,
			"COLLECTOR_BROKER="+b.kafka.Brokers[0], "COLLECTOR_STORAGE="+filepath.Join(dir, "collector"))
		return command
	}, c.answers)
	return c, err
}

func newCandidate(name, topic string) (*candidate, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	return &candidate{name: name, topic: topic, address: listener.Addr().String()}, nil
}

func (c *candidate) isHealthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.address+"/actuator/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("its health is %s", response.Status)
	}
	return nil
}

func (c *candidate) answers(context.Context) error {
	conn, err := net.DialTimeout("tcp", c.address, time.Second)
	if err == nil {
		conn.Close()
	}
	return err
}

// clockTick is the unit of CPU times in /proc, on every Linux there is.
const clockTick = 10 * time.Millisecond

// cpu returns the CPU time that the process has used.
func (c *candidate) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses; from there on,
	// fields are apart by a space, and the twelfth and next are what we want.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, err
}

// forgetPeak lets peak begin anew.
func (c *candidate) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.PID()), []byte("5"), 0)
}

// peak returns the largest resident memory since it was last forgotten, in
// bytes.
func (c *candidate) peak() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			return float64(kib) * 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no peak memory", c.name)
}
