-- +goose Up
CREATE TABLE quarantine (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shipper   text        NOT NULL,
    first_seq bigint      NOT NULL,
    count     integer     NOT NULL,
    state     text        NOT NULL DEFAULT 'held'
);

-- +goose Down
DROP TABLE quarantine;
