-- +goose Up

-- How far each partition of Kafka is stored: where those who follow begin.
CREATE INDEX ledger_place ON ledger (topic, kafka_partition, kafka_offset);

-- +goose Down
DROP INDEX ledger_place;
