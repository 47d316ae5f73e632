package kafka

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"millrace/app"
)

// recordOverhead is what Kafka, and the headers of a batch, add to a payload.
const recordOverhead = 2 << 10

// Examine tells whether a Kafka suits: its topics, their copies and limits.
// maxBytes is the size at which a batch is closed (batching-max-bytes). A Kafka
// that does not answer is one of the findings.
func Examine(ctx context.Context, cfg app.KafkaConfig, maxBytes int) []app.Diagnosis {
	x := &examination{Examination: app.NewExamination("Kafka"), cfg: cfg, maxBytes: maxBytes}
	c := clientConfig()
	if deadline, ok := ctx.Deadline(); ok {
		c.Net.DialTimeout, c.Net.ReadTimeout = time.Until(deadline), time.Until(deadline)
	}
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, c)
	if err != nil {
		x.Wrong("start Kafka, or correct kafka-brokers", "no broker answers at %s: %v", strings.Join(cfg.Brokers, ", "), err)
		return x.Found()
	}
	defer admin.Close()
	x.admin = admin
	brokers, _, err := admin.DescribeCluster()
	if err != nil {
		x.Wrong("see to the cluster's controller", "the cluster does not describe itself: %v", err)
		return x.Found()
	}
	x.brokers = len(brokers)
	x.Fine("%s", app.Counted(x.brokers, "broker answers", "brokers answer"))
	x.topics()
	return x.Found()
}

type examination struct {
	*app.Examination
	cfg      app.KafkaConfig
	maxBytes int
	admin    sarama.ClusterAdmin
	brokers  int
}

func (x *examination) topics() {
	topics, err := x.admin.DescribeTopics([]string{app.TopicLogs, app.TopicPoison})
	if err != nil {
		x.Wrong("let this user describe the topics "+app.TopicLogs+" and "+app.TopicPoison, "the topics cannot be described: %v", err)
		return
	}
	for _, topic := range topics {
		switch {
		case topic.Err == sarama.ErrUnknownTopicOrPartition:
			x.Fine("there is no topic %s yet: a shipper or consumer makes it, with %s", topic.Name, app.Counted(x.cfg.Replication, "replica", "replicas"))
			if x.cfg.Replication > x.brokers {
				x.Wrong(fmt.Sprintf("set kafka-replication to %d or less", x.brokers), "%d replicas cannot be made on %s", x.cfg.Replication, app.Counted(x.brokers, "broker", "brokers"))
			}
		case topic.Err != sarama.ErrNoError:
			x.Wrong("let this user describe, read and write it", "topic %s: %v", topic.Name, topic.Err)
		default:
			x.topic(topic)
		}
	}
}

func (x *examination) topic(topic *sarama.TopicMetadata) {
	settings, err := x.settings(topic.Name)
	if err != nil {
		x.Better("let this user describe the configuration of topics", "the settings of topic %s cannot be read: %v", topic.Name, err)
	}
	x.copies(topic, settings)
	x.sizes(topic.Name, settings)
	if topic.Name == app.TopicLogs {
		if n := len(topic.Partitions); n < x.cfg.Partitions {
			x.Better(fmt.Sprintf("kafka-topics --alter --topic %s --partitions %d, or set kafka-partitions to %d", topic.Name, x.cfg.Partitions, n),
				"topic %s has %s, so that no more consumers work side by side; kafka-partitions is %d", topic.Name, app.Counted(n, "partition", "partitions"), x.cfg.Partitions)
		} else {
			x.Fine("topic %s has %s: as many consumers can work side by side", topic.Name, app.Counted(n, "partition", "partitions"))
		}
	}
	if policy := settings["cleanup.policy"]; strings.Contains(policy, "compact") {
		x.Wrong("kafka-configs --alter --topic "+topic.Name+" --add-config cleanup.policy=delete", "topic %s is compacted (cleanup.policy=%s), and batches have no keys", topic.Name, policy)
	}
	x.retention(topic.Name, settings)
}

// copies looks at the replicas of every partition, and at how many of them must
// have a batch before it counts as sent.
func (x *examination) copies(topic *sarama.TopicMetadata, settings map[string]string) {
	replicas, inSync := len(topic.Partitions[0].Replicas), len(topic.Partitions[0].Isr)
	for _, p := range topic.Partitions {
		replicas, inSync = min(replicas, len(p.Replicas)), min(inSync, len(p.Isr))
		if p.Err == sarama.ErrLeaderNotAvailable || p.Leader < 0 {
			x.Wrong("start the brokers that hold it", "partition %d of topic %s has no leader", p.ID, topic.Name)
		}
	}
	needed, _ := strconv.Atoi(settings["min.insync.replicas"]) // 0 when it is not known
	enough := fmt.Sprintf("kafka-configs --alter --topic %s --add-config min.insync.replicas=%d", topic.Name, max(1, replicas-1))
	switch {
	case needed > replicas:
		x.Wrong(enough, "topic %s has %s and min.insync.replicas=%d: with acks=all nothing is ever taken", topic.Name, app.Counted(replicas, "replica", "replicas"), needed)
	case needed > inSync:
		x.Wrong("start the brokers that are behind", "topic %s has %s in sync and needs %d: nothing is taken", topic.Name, app.Counted(inSync, "replica", "replicas"), needed)
	case inSync < replicas:
		x.Better("start the brokers that are behind", "topic %s has %d replicas, of which %d are in sync", topic.Name, replicas, inSync)
	case replicas < x.cfg.Replication:
		x.Better("raise it with kafka-reassign-partitions, or set kafka-replication to "+strconv.Itoa(replicas)+": it is for topics that are made here",
			"topic %s has %s, and kafka-replication is %d", topic.Name, app.Counted(replicas, "replica", "replicas"), x.cfg.Replication)
	case replicas == 1 && x.brokers > 1:
		x.Better("raise it with kafka-reassign-partitions; kafka-replication is for topics that are made here", "topic %s has one replica: with its broker its logs are gone", topic.Name)
	case replicas > 1 && needed == 1:
		x.Better(enough, "topic %s has %d replicas and min.insync.replicas=1: acks=all may mean one disk", topic.Name, replicas)
	case replicas == 1:
		x.Fine("topic %s has 1 replica, in sync", topic.Name)
	default:
		x.Fine("topic %s has %d replicas, all in sync", topic.Name, replicas)
	}
}

// sizes compares the largest record that a topic takes with the largest batch.
func (x *examination) sizes(topic string, settings map[string]string) {
	limit, err := strconv.Atoi(settings["max.message.bytes"])
	if err != nil {
		return // it cannot be read, which is said above
	}
	if topic == app.TopicPoison {
		if limit < x.maxBytes+recordOverhead {
			x.Better(fmt.Sprintf("kafka-configs --alter --topic %s --add-config max.message.bytes=%d", topic, poisonMaxBytes),
				"topic %s takes records of %d bytes: a batch that cannot be stored may not fit there", topic, limit)
		}
		return
	}
	if room := limit - recordOverhead; room < x.maxBytes {
		x.Better(fmt.Sprintf("set batching-max-bytes to %d, or raise max.message.bytes of the topic to %d", max(room, 0), x.maxBytes+recordOverhead),
			"topic %s takes records of %d bytes and a batch may have %d before compression: those that do not shrink are refused and sent again in halves", topic, limit, x.maxBytes)
		return
	}
	x.Fine("topic %s takes records of %d bytes, above batching-max-bytes (%d)", topic, limit, x.maxBytes)
}

// shortRetention is less time than a weekend without a consumer takes.
const shortRetention = 72 * time.Hour

func (x *examination) retention(topic string, settings map[string]string) {
	milliseconds, err := strconv.ParseInt(settings["retention.ms"], 10, 64)
	kept := time.Duration(milliseconds) * time.Millisecond
	if err == nil && milliseconds >= 0 && kept < shortRetention {
		x.Better(fmt.Sprintf("kafka-configs --alter --topic %s --add-config retention.ms=%d", topic, (7*24*time.Hour).Milliseconds()),
			"topic %s keeps batches for %s: when consumers are away for longer, they are lost", topic, kept)
	}
	if size, err := strconv.ParseInt(settings["retention.bytes"], 10, 64); err == nil && size >= 0 {
		x.Better("watch the lag, or set retention.bytes=-1 for it", "topic %s keeps %d bytes of each partition: what consumers have not read by then is lost", topic, size)
	}
}

func (x *examination) settings(topic string) (map[string]string, error) {
	results, err := x.admin.DescribeConfigs([]*sarama.ConfigResource{{
		Type: sarama.TopicResource, Name: topic, ConfigNames: slices.Clone(examined),
	}}, sarama.DescribeConfigsOptions{})
	values := map[string]string{}
	for _, result := range results {
		if result.ErrorCode != sarama.ErrNoError {
			return nil, result.ErrorCode
		}
		for _, e := range result.Configs {
			values[e.Name] = e.Value
		}
	}
	return values, err
}

// examined are the settings of topics that matter here.
var examined = []string{"max.message.bytes", "min.insync.replicas", "cleanup.policy", "retention.ms", "retention.bytes"}
