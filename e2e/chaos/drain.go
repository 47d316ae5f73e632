package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// drained waits until nothing is on its way any more: the shippers hold
// nothing, and the consumers have stored or quarantined all that Kafka has.
func (s *site) drained(ctx context.Context) error {
	for {
		err := s.onItsWay(ctx)
		if err == nil {
			return nil
		}
		if !wait(ctx, 250*time.Millisecond) {
			return fmt.Errorf("it does not drain: %w", err)
		}
	}
}

// onItsWay returns what is still on its way, as an error.
func (s *site) onItsWay(ctx context.Context) error {
	for _, shipper := range roleNames[:2] {
		held, err := readGauge(ctx, s.roles[shipper], "buffer_size")
		if err != nil {
			return fmt.Errorf("%s: %w", shipper, err)
		}
		if held > 0 {
			return fmt.Errorf("%s holds %v logs", shipper, held)
		}
	}
	// In this order: what a consumer sets aside lies on the other topic before
	// it counts as read on the first.
	if err := lag(s.all.Kafka.Brokers, "logs", group); err != nil {
		return err
	}
	if err := lag(s.all.Kafka.Brokers, "logs.poison", group+"-quarantine"); err != nil {
		return err
	}
	return s.replaying(ctx)
}

// readGauge returns a gauge of a role.
func readGauge(ctx context.Context, addr, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("there is no %s", name)
}

// lag returns nil when a consumer group has read all of a topic.
func lag(brokers []string, topic, group string) error {
	client, err := sarama.NewClient(brokers, sarama.NewConfig())
	if err != nil {
		return err
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err
	}
	partitions, err := client.Partitions(topic)
	if err != nil {
		return err
	}
	offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: partitions})
	if err != nil {
		return err
	}
	var behind []error
	for _, partition := range partitions {
		newest, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		read := offsets.GetBlock(topic, partition)
		if read == nil || max(read.Offset, 0) < newest {
			behind = append(behind, fmt.Errorf("partition %d of %s is read up to %+v of %d", partition, topic, read, newest))
		}
	}
	return errors.Join(behind...)
}

// eachRecord calls f for each record that lies on a topic now.
func eachRecord(brokers []string, topic string, f func(*sarama.ConsumerMessage)) error {
	cfg := sarama.NewConfig()
	cfg.Consumer.Fetch.Max = 100 << 20
	client, err := sarama.NewClient(brokers, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	partitions, err := client.Partitions(topic)
	if err != nil {
		return err
	}
	for _, partition := range partitions {
		newest, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
		if err != nil {
			return err
		}
		if err := eachOf(consumer, topic, partition, newest, f); err != nil {
			return err
		}
	}
	return nil
}

func eachOf(consumer sarama.Consumer, topic string, partition int32, newest int64, f func(*sarama.ConsumerMessage)) error {
	if newest == 0 {
		return nil
	}
	records, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer records.AsyncClose()
	late := time.NewTimer(60 * time.Second)
	defer late.Stop()
	for {
		select {
		case record := <-records.Messages():
			f(record)
			if record.Offset >= newest-1 {
				return nil
			}
		case <-late.C:
			return fmt.Errorf("partition %d of %s cannot be read to its end, %d", partition, topic, newest)
		}
	}
}
