package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/IBM/sarama"
)

// Kafka is real Apache Kafka: one node, broker and controller in one (KRaft).
type Kafka struct {
	*Process
	Brokers []string

	java, classpath string
}

// Listener is one more address at which a broker is met: it listens at Addr, a
// free one, and sends those who come there on to Advertised, such as a proxy's
// address before it.
type Listener struct{ Name, Addr, Advertised string }

// clusterID is any 16 bytes in base64.
const clusterID = "bWlsbHJhY2UtZTJlLXRlcw"

const kafkaProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d%[4]s
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d%[5]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT%[6]s
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
auto.create.topics.enable=false
`

// StartKafka fetches Kafka's jars with Maven, if they are not there, formats a
// folder and starts a broker. repository is the root of this repository. The
// address of each of the listeners is filled in.
func StartKafka(ctx context.Context, dir, repository string, listeners ...*Listener) (*Kafka, error) {
	java, err := find("default-jre-headless maven", "java")
	if err != nil {
		return nil, err
	}
	jars, err := fetchJars(ctx, repository)
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	controller, err := FreePort()
	if err != nil {
		return nil, err
	}
	properties := filepath.Join(dir, "kafka.properties")
	var listen, advertise, protocols strings.Builder
	for _, l := range listeners {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		l.Addr = fmt.Sprintf("127.0.0.1:%d", port)
		fmt.Fprintf(&listen, ",%s://%s", l.Name, l.Addr)
		fmt.Fprintf(&advertise, ",%s://%s", l.Name, l.Advertised)
		fmt.Fprintf(&protocols, ",%s:PLAINTEXT", l.Name)
	}
	text := fmt.Sprintf(kafkaProperties, port, controller, filepath.Join(dir, "kafka"), &listen, &advertise, &protocols)
	if err := os.WriteFile(properties, []byte(text), 0o644); err != nil {
		return nil, err
	}
	classpath := jars + "/*"
	format := exec.CommandContext(ctx, java, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", properties)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("formatting Kafka's folder: %w: %s", err, out)
	}
	k := &Kafka{Brokers: []string{fmt.Sprintf("127.0.0.1:%d", port)}, java: java, classpath: classpath}
	k.Process = &Process{
		name: "Kafka", log: filepath.Join(dir, "kafka.log"),
		command: func() *exec.Cmd {
			return exec.Command(java, "-Xms256m", "-Xmx768m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
				"-cp", classpath, "kafka.Kafka", properties)
		},
		ready: k.answers,
	}
	return k, k.start(ctx)
}

// ConsumerGroups runs Kafka's own tool kafka-consumer-groups, and returns what
// it prints.
func (k *Kafka) ConsumerGroups(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"-cp", k.classpath, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", k.Brokers[0]}, args...)
	out, err := exec.CommandContext(ctx, k.java, args...).CombinedOutput()
	return string(out), err
}

func (k *Kafka) answers(context.Context) error {
	client, err := sarama.NewClient(k.Brokers, sarama.NewConfig())
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Controller()
	return err
}

// fetchJars returns the folder with Kafka's jars, below the repository's cache.
// Processes that want them at once fetch them one after another.
func fetchJars(ctx context.Context, repository string) (string, error) {
	jars := filepath.Join(repository, ".cache", "kafka")
	if err := os.MkdirAll(filepath.Dir(jars), 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(jars+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if matches, _ := filepath.Glob(filepath.Join(jars, "kafka_2.13-*.jar")); len(matches) > 0 {
		return jars, nil
	}
	maven, err := find("maven", "mvn")
	if err != nil {
		return "", err
	}
	// Into place at once, so that a fetch cut short is made again.
	fresh := jars + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	fetch := exec.CommandContext(ctx, maven, "-q", "-B", "-f", filepath.Join(repository, "deployments", "kafka", "pom.xml"),
		"dependency:copy-dependencies", "-DoutputDirectory="+fresh)
	if out, err := fetch.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetching Kafka's jars: %w: %s", err, out)
	}
	return jars, os.Rename(fresh, jars)
}
