-- +goose Up

-- More of a batch's life. The ledger's rows are never deleted: they are what
-- shows, for as long as there is a ledger, that no number is missing. A row
-- takes some 250 bytes; of a thousand logs, less than a byte for each.
ALTER TABLE ledger
    ADD COLUMN accepted   bigint,                      -- the last number its shipper had given when it sent the batch
    ADD COLUMN trigger    text,                        -- what closed the batch
    ADD COLUMN duplicates integer NOT NULL DEFAULT 0,  -- further deliveries, refused
    ADD COLUMN outside    integer NOT NULL DEFAULT 0;  -- logs in logs_outside, whose days are never dropped
UPDATE ledger SET outside = aside.logs
    FROM (SELECT id >> 24 AS number, count(*) AS logs FROM logs_outside GROUP BY 1) AS aside
    WHERE ledger.number = aside.number;

-- Newest batches first.
CREATE INDEX ledger_stored_at ON ledger (stored_at, number);

-- Which days are kept: from the oldest that has a partition on. The days before
-- have been dropped, and no row of theirs can be counted any more.
-- +goose StatementBegin
CREATE FUNCTION logs_kept_from() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT min(to_date(substring(c.relname FROM '^logs_(\d{4}_\d\d_\d\d)$'), 'YYYY_MM_DD')::timestamp AT TIME ZONE 'UTC')
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'logs_inside'::regclass
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION logs_kept_from;
DROP INDEX ledger_stored_at;
ALTER TABLE ledger DROP COLUMN accepted, DROP COLUMN trigger, DROP COLUMN duplicates, DROP COLUMN outside;
