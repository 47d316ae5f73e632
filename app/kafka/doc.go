// Package kafka connects Millrace to Kafka through watermill-kafka.
//
// A record is one batch. Its key is the message's UUID (a batch's id), so that
// batches spread over the partitions and a batch that is sent again lands
// where it lay before. Metadata travel as record headers.
//
//	config.go      from app.KafkaConfig to the client's settings
//	topics.go      making the topics, and checking that Kafka answers
//	examine.go     whether a Kafka suits
//	marshal.go     between Watermill's messages and Kafka's records
//	pubsub.go      connecting publishers and subscribers
//	publisher.go   sending the records of one call side by side
//	reconnect.go   a publisher whose client is made anew when it gave up
//	meter.go       counting what goes between us and the brokers
//	lag.go         how far the consumers are behind
//	source.go      reading outside of a group, from given offsets, for the live tail
//	errors.go      what the broker's refusals mean
package kafka
