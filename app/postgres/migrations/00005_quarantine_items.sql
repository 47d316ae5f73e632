-- +goose Up

-- One row for each thing that was set aside. (shipper, first_seq, digest) is its
-- identity: however often it is set aside, it is one item with its history. What
-- has no numbers of a shipper's is known by where its record lay.
ALTER TABLE quarantine
    ADD COLUMN another         boolean     NOT NULL DEFAULT false, -- not of a shipper of ours: its numbers are no sequence
    ADD COLUMN last_seq        bigint GENERATED ALWAYS AS (CASE WHEN another THEN first_seq ELSE first_seq + count - 1 END) STORED,
    ADD COLUMN digest          bytea       NOT NULL DEFAULT '',    -- SHA-256 of the payload
    ADD COLUMN readable        boolean     NOT NULL DEFAULT true,  -- the payload is a batch
    ADD COLUMN batch           bigint REFERENCES ledger (number),  -- of a log that alone was refused: the batch that was stored without it
    ADD COLUMN stage           text        NOT NULL DEFAULT 'unknown',
    ADD COLUMN reason          text        NOT NULL DEFAULT 'unknown',
    ADD COLUMN handler         text        NOT NULL DEFAULT '',
    ADD COLUMN error           text        NOT NULL DEFAULT '',
    ADD COLUMN topic           text        NOT NULL DEFAULT '',
    ADD COLUMN kafka_partition integer     NOT NULL DEFAULT 0,
    ADD COLUMN kafka_offset    bigint      NOT NULL DEFAULT 0,
    ADD COLUMN header_names    bytea[]     NOT NULL DEFAULT '{}',  -- text may be anything here, and is
    ADD COLUMN header_values   bytea[]     NOT NULL DEFAULT '{}',
    ADD COLUMN payload         bytea       NOT NULL DEFAULT '',
    ADD COLUMN received_at     timestamptz,                        -- stands in for times that its logs do not carry
    ADD COLUMN tries           integer     NOT NULL DEFAULT 0,     -- how often it was set aside
    ADD COLUMN first_seen      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN last_seen       timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(), -- its state
    ADD COLUMN replay          text UNIQUE,                        -- the shipper as which it is replayed, always the same
    ADD CONSTRAINT quarantine_identity UNIQUE (shipper, first_seq, digest);
CREATE INDEX quarantine_state ON quarantine (state, id);
CREATE INDEX quarantine_batch ON quarantine (batch) WHERE batch IS NOT NULL;

-- Its history.
CREATE TABLE quarantine_events (
    number          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item            bigint      NOT NULL REFERENCES quarantine (id),
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    what            text        NOT NULL, -- poisoned, replaying, replayed, returned, discarded
    stage           text        NOT NULL DEFAULT '',
    reason          text        NOT NULL DEFAULT '',
    handler         text        NOT NULL DEFAULT '',
    error           text        NOT NULL DEFAULT '',
    kafka_partition integer,              -- of poisoned: where the record lies on the poison topic
    kafka_offset    bigint
);
CREATE INDEX quarantine_events_item ON quarantine_events (item, number);
-- A record that is delivered again is known. Offsets begin anew when a topic is
-- made anew; the record's own time does not.
CREATE UNIQUE INDEX quarantine_events_record ON quarantine_events (item, kafka_partition, kafka_offset, at) WHERE what = 'poisoned';

-- What a batch replays.
ALTER TABLE ledger ADD COLUMN replays bigint REFERENCES quarantine (id);

-- How many numbers a set of ranges holds.
CREATE FUNCTION numbers_in(ranges int8multirange) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(ranges) AS r
$$;

-- +goose Down
DROP FUNCTION numbers_in;
ALTER TABLE ledger DROP COLUMN replays;
DROP TABLE quarantine_events;
DROP INDEX quarantine_state, quarantine_batch;
ALTER TABLE quarantine
    DROP CONSTRAINT quarantine_identity,
    DROP COLUMN last_seq, DROP COLUMN another, DROP COLUMN digest, DROP COLUMN readable, DROP COLUMN batch, DROP COLUMN stage, DROP COLUMN reason,
    DROP COLUMN handler, DROP COLUMN error, DROP COLUMN topic, DROP COLUMN kafka_partition, DROP COLUMN kafka_offset,
    DROP COLUMN header_names, DROP COLUMN header_values, DROP COLUMN payload, DROP COLUMN received_at, DROP COLUMN tries,
    DROP COLUMN first_seen, DROP COLUMN last_seen, DROP COLUMN changed_at, DROP COLUMN replay;
