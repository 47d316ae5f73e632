-- +goose Up

-- The level behind the key, so that a service's few errors are found without
-- reading its other rows: the index alone tells which are errors. With the level
-- before the time, rows of all levels could not be read in order.
DROP INDEX logs_service_time;
CREATE INDEX logs_service_time ON logs (service, time, id, level);

-- Whether services were counted apart, which is asked before each count.
CREATE INDEX log_counts_mixed ON log_counts (minute) WHERE service IS NULL;

-- +goose Down
DROP INDEX log_counts_mixed;
DROP INDEX logs_service_time;
CREATE INDEX logs_service_time ON logs (service, time, id);
