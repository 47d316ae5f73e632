-- +goose Up

-- One row for each stored batch. (shipper, first_seq) is the batch's identity:
-- a batch that is delivered again finds its row here and changes nothing.
CREATE TABLE ledger (
    number          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shipper         text        NOT NULL,
    first_seq       bigint      NOT NULL,
    count           integer     NOT NULL,
    another         boolean     NOT NULL, -- another producer's: its sequence has gaps by nature
    topic           text        NOT NULL,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL,
    sealed_at       timestamptz,
    shipped_at      timestamptz,
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction     xid8        NOT NULL DEFAULT pg_current_xact_id(),
    UNIQUE (shipper, first_seq)
);

-- Logs lie in one partition a day, by their own time. Those whose time is
-- outside the window (older than what is kept, or more than a day ahead) lie
-- together in one of their own. A DEFAULT partition would do that too, but
-- forbids detaching days without a lock, and refuses a day's partition once it
-- holds a log of that day.
CREATE TABLE logs (
    id          bigint      NOT NULL, -- the batch's number, then 24 bits for the place in it
    time        timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    time_ns     smallint    NOT NULL, -- nanoseconds that timestamptz cannot hold, 0 to 999
    level       smallint    NOT NULL, -- 1 TRACE, 2 DEBUG, 3 INFO, 4 WARN, 5 ERROR, 6 FATAL
    outside     boolean     NOT NULL,
    service     text        NOT NULL,
    host        text        NOT NULL,
    message     text        NOT NULL,
    attributes  jsonb,
    trace_id    bytea,
    span_id     bytea
) PARTITION BY LIST (outside);

CREATE TABLE logs_inside PARTITION OF logs FOR VALUES IN (false) PARTITION BY RANGE (time);
CREATE TABLE logs_outside PARTITION OF logs FOR VALUES IN (true);

-- Paging, newest or oldest first; and the same within a service.
CREATE INDEX logs_time ON logs (time, id);
CREATE INDEX logs_service_time ON logs (service, time, id);

-- The outbox, as watermill-sql has it (its DefaultPostgreSQLSchema): made here,
-- since nothing may be made within the transaction that stores a batch.
CREATE TABLE watermill_stored (
    "offset"       bigserial,
    uuid           varchar(36) NOT NULL,
    created_at     timestamp   NOT NULL DEFAULT CURRENT_TIMESTAMP,
    payload        json,
    metadata       json,
    transaction_id xid8        NOT NULL,
    PRIMARY KEY (transaction_id, "offset")
);
CREATE TABLE watermill_offsets_stored (
    consumer_group                varchar(255) PRIMARY KEY,
    offset_acked                  bigint,
    last_processed_transaction_id xid8 NOT NULL
);

-- Gateways hear of a stored batch when its transaction is committed, so that
-- they never answer from an older copy.
-- +goose StatementBegin
CREATE FUNCTION notify_stored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('millrace_stored', NEW.transaction::text);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER notify_stored AFTER INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION notify_stored();

-- +goose Down
DROP TABLE logs, ledger, watermill_stored, watermill_offsets_stored;
DROP FUNCTION notify_stored;
