-- +goose Up

-- What looks through the ledger have found so far, so that the next reads only
-- the batches that were stored since: those behind the last one that was read,
-- in the order of transactions. Transactions are over before they are passed.
CREATE TABLE ledger_looked (
    transaction xid8   NOT NULL, -- of the last batch that was read
    number      bigint NOT NULL  -- of it
);
INSERT INTO ledger_looked VALUES ('0', 0);
CREATE TABLE ledger_covered (
    shipper  text           PRIMARY KEY,
    accepted bigint         NOT NULL, -- the last number that its batches tell of
    numbers  int8multirange NOT NULL, -- of its batches
    doubled  int8multirange NOT NULL  -- those that more than one batch has
);
CREATE INDEX ledger_transaction ON ledger (transaction, number);

-- Batches that were delivered again are few.
CREATE INDEX ledger_delivered_again ON ledger (shipper, duplicates) WHERE duplicates > 0;

-- +goose Down
DROP INDEX ledger_transaction, ledger_delivered_again;
DROP TABLE ledger_looked, ledger_covered;
