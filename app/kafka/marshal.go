package kafka

import (
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// places are the metadata set when a record is read: they tell of that record
// and must not pass for the next one's.
var places = []string{app.MetaTopic, app.MetaPartition, app.MetaOffset, app.MetaShippedAt}

// marshaler turns messages into records and back.
type marshaler struct{ wmkafka.DefaultMarshaler }

// Marshal makes a record whose key is the message's UUID. The place a message
// was read from is kept under app.MetaOrigin, the first one if there are more.
func (m marshaler) Marshal(topic string, msg *message.Message) (*sarama.ProducerMessage, error) {
	out := message.NewMessage(msg.UUID, msg.Payload)
	for key, value := range msg.Metadata {
		out.Metadata[key] = value
	}
	for _, key := range places {
		value, ok := out.Metadata[key]
		delete(out.Metadata, key)
		if _, known := out.Metadata[app.MetaOrigin+key]; ok && !known {
			out.Metadata[app.MetaOrigin+key] = value
		}
	}
	record, err := m.DefaultMarshaler.Marshal(topic, out)
	if err != nil {
		return nil, err
	}
	record.Key = sarama.StringEncoder(msg.UUID)
	return record, nil
}

// Unmarshal takes any record, whoever wrote it: an error here would stop the
// partition for good. Whether the bytes are a batch is for a handler to say.
func (m marshaler) Unmarshal(record *sarama.ConsumerMessage) (*message.Message, error) {
	msg, err := m.DefaultMarshaler.Unmarshal(record)
	if err != nil {
		return nil, err
	}
	if msg.UUID == "" {
		msg.UUID = fmt.Sprintf("%s.%d-%d", record.Topic, record.Partition, record.Offset)
	}
	msg.Metadata.Set(app.MetaTopic, record.Topic)
	msg.Metadata.Set(app.MetaPartition, strconv.Itoa(int(record.Partition)))
	msg.Metadata.Set(app.MetaOffset, strconv.FormatInt(record.Offset, 10))
	msg.Metadata.Set(app.MetaShippedAt, record.Timestamp.UTC().Format(time.RFC3339Nano))
	return msg, nil
}
