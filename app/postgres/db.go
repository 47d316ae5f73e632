package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"millrace/app"
)

// Config configures a DB.
type Config struct {
	URL              string        // postgres://USER:PASSWORD@HOST:PORT/DATABASE
	MaxConns         int           // connections at the most
	StatementTimeout time.Duration // for each statement; 0: no limit
	Retention        time.Duration // age up to which a day has a partition of its own
	Logger           *slog.Logger
}

// DB is a pool of connections to one database whose schema is up to date. Safe
// for concurrent use.
type DB struct {
	cfg        Config
	pool       *pgxpool.Pool
	sql        *sql.DB // the same pool, as database/sql knows it
	partitions *partitions
}

// connectTimeout bounds each attempt to connect.
const connectTimeout = 5 * time.Second

// Open connects and brings the schema up to date. A server that cannot be
// reached is an error of app.KindUnavailable, which does not show the password.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	poolConfig, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// pgx's own error is about the address and may show all of it.
		return nil, app.Errorf(app.KindInvalid, "postgres-url cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	poolConfig.MaxConns = int32(cfg.MaxConns)
	poolConfig.ConnConfig.ConnectTimeout = connectTimeout
	poolConfig.ConnConfig.RuntimeParams["application_name"] = "millrace"
	if err := migrate(ctx, poolConfig.ConnConfig.Copy()); err != nil {
		return nil, unreachable(poolConfig.ConnConfig, err)
	}
	if cfg.StatementTimeout > 0 {
		poolConfig.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(cfg.StatementTimeout.Milliseconds(), 10)
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, unreachable(poolConfig.ConnConfig, err)
	}
	return &DB{
		cfg:        cfg,
		pool:       pool,
		sql:        stdlib.OpenDBFromPool(pool),
		partitions: newPartitions(pool, cfg.Retention),
	}, nil
}

// Close closes every connection.
func (db *DB) Close() error {
	err := db.sql.Close()
	db.pool.Close()
	return err
}

// Check returns a check that PostgreSQL answers.
func (db *DB) Check() app.Check {
	return app.CheckFunc("postgres", func(ctx context.Context) error {
		if err := db.pool.Ping(ctx); err != nil {
			return unreachable(db.pool.Config().ConnConfig, err)
		}
		return nil
	})
}

func unreachable(at *pgx.ConnConfig, err error) error {
	return app.Errorf(app.KindUnavailable, "PostgreSQL at %s, database %s, user %s (setting postgres-url): %w",
		fmt.Sprintf("%s:%d", at.Host, at.Port), at.Database, at.User, err)
}
