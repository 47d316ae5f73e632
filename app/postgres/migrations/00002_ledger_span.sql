-- +goose Up

-- What a batch spans, so that gaps in a shipper's sequence and the days a batch
-- lies in are found in the ledger alone.
ALTER TABLE ledger
    ADD COLUMN last_seq bigint GENERATED ALWAYS AS (
        -- Another producer's batch is known by its offset: the next one has the next.
        CASE WHEN another THEN first_seq ELSE first_seq + count - 1 END) STORED,
    ADD COLUMN stored     integer,     -- logs written
    ADD COLUMN first_time timestamptz, -- of the logs' own times
    ADD COLUMN last_time  timestamptz;
UPDATE ledger SET stored = count, first_time = span.first_time, last_time = span.last_time
    FROM (SELECT id >> 24 AS number, min(time) AS first_time, max(time) AS last_time FROM logs GROUP BY 1) AS span
    WHERE ledger.number = span.number;
ALTER TABLE ledger
    ALTER COLUMN stored     SET NOT NULL,
    ALTER COLUMN first_time SET NOT NULL,
    ALTER COLUMN last_time  SET NOT NULL;

-- Names are compared byte by byte: an index then does not depend on the
-- server's locale, nor break when its C library sorts anew.
ALTER TABLE logs
    ALTER COLUMN service TYPE text COLLATE "C",
    ALTER COLUMN host    TYPE text COLLATE "C";

-- +goose Down
ALTER TABLE logs
    ALTER COLUMN service TYPE text COLLATE "default",
    ALTER COLUMN host    TYPE text COLLATE "default";
ALTER TABLE ledger DROP COLUMN last_seq, DROP COLUMN stored, DROP COLUMN first_time, DROP COLUMN last_time;
