-- +goose Up

ALTER TABLE quarantine ADD COLUMN lay_since timestamptz; -- the time of the record that was set aside

-- The outbox of what is to be replayed, as watermill-sql has it.
CREATE TABLE watermill_replay (
    "offset"       bigserial,
    uuid           varchar(36) NOT NULL,
    created_at     timestamp   NOT NULL DEFAULT CURRENT_TIMESTAMP,
    payload        json,
    metadata       json,
    transaction_id xid8        NOT NULL,
    PRIMARY KEY (transaction_id, "offset")
);
CREATE TABLE watermill_offsets_replay (
    consumer_group                varchar(255) PRIMARY KEY,
    offset_acked                  bigint,
    last_processed_transaction_id xid8 NOT NULL
);

-- +goose Down
DROP TABLE watermill_replay, watermill_offsets_replay;
ALTER TABLE quarantine DROP COLUMN lay_since;
