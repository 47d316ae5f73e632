-- +goose Up

-- How many logs each minute has of each level and service, so that a day is
-- counted without reading it. A batch adds its rows in the transaction that
-- stores it; maintenance sums up what is there more than once.
CREATE TABLE log_counts (
    minute  timestamptz NOT NULL,
    level   smallint    NOT NULL,
    outside boolean     NOT NULL,
    service text        COLLATE "C", -- NULL: of services that were too many to be counted apart
    count   bigint      NOT NULL,
    packed  boolean     NOT NULL DEFAULT false
);
CREATE INDEX log_counts_minute ON log_counts (minute);
CREATE INDEX log_counts_unpacked ON log_counts (minute) WHERE NOT packed;
INSERT INTO log_counts SELECT date_trunc('minute', time), level, outside, service, count(*), true FROM logs GROUP BY 1, 2, 3, 4;

-- What a run of a batch's logs holds, as Bloom filters: one of the messages'
-- trigrams, one of attributes, traces, hosts and services. A search reads these
-- and then only the runs that may have what it looks for. They take 6 bytes a log
-- and 1 µs to make, where an index on each trigram takes 71 and a quarter of the
-- speed of storing (BenchmarkIndexes).
-- A row must fit into a page: bits are never moved aside nor compressed.
CREATE TABLE text_signatures (
    batch       bigint      NOT NULL,
    first_place integer     NOT NULL,
    last_place  integer     NOT NULL,
    first_time  timestamptz NOT NULL,
    last_time   timestamptz NOT NULL,
    outside     boolean     NOT NULL, -- it has logs outside the window, which are never dropped
    bits        bytea       NOT NULL
);
ALTER TABLE text_signatures ALTER COLUMN bits SET STORAGE PLAIN;
CREATE TABLE field_signatures (LIKE text_signatures INCLUDING ALL);
CREATE INDEX text_signatures_time ON text_signatures (last_time);
CREATE INDEX field_signatures_time ON field_signatures (last_time);

-- Batches that were stored before there were signatures have none.
CREATE TABLE unsigned_batches (last bigint NOT NULL);
INSERT INTO unsigned_batches SELECT coalesce(max(number), 0) FROM ledger;

-- From a run to its rows: a batch's rows lie together. A btree would take 23 bytes
-- a log for what this does in a tenth of one.
CREATE INDEX logs_id ON logs USING brin (id) WITH (pages_per_range = 16, autosummarize = on);

-- Days that were dropped are not made again: what comes late for them is kept
-- aside. They would else look like days whose logs are missing.
CREATE TABLE dropped_days (before date NOT NULL);
INSERT INTO dropped_days VALUES ('1970-01-01');

-- +goose Down
DROP INDEX logs_id;
DROP TABLE log_counts, text_signatures, field_signatures, unsigned_batches, dropped_days;
