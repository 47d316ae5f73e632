package main

import (
	"context"
	"time"

	"millrace/app"
	"millrace/app/otel"
	"millrace/app/postgres"
	"millrace/app/redis"
)

// openPostgres connects to PostgreSQL and brings the schema up to date. limit is
// the longest time a statement may take; 0 is none.
func openPostgres(ctx context.Context, r *role, limit time.Duration) (*postgres.DB, error) {
	if err := need(r.cfg.Postgres.URL != "", "postgres-url", "postgres://USER:PASSWORD@localhost:5432/millrace"); err != nil {
		return nil, err
	}
	return postgres.Open(ctx, postgres.Config{
		URL:              r.cfg.Postgres.URL,
		MaxConns:         r.cfg.Postgres.Connections,
		StatementTimeout: limit,
		Retention:        r.cfg.Consumer.Retention,
		Tracing:          otel.Children(r.tracing),
		RetentionBytes:   r.cfg.Consumer.RetentionBytes,
		Logger:           r.logger,
	})
}

func openRedis(r *role, cfg app.RedisConfig) (*redis.Client, error) {
	if err := need(cfg.Addr != "", "redis-addr", "localhost:6379"); err != nil {
		return nil, err
	}
	return redis.New(cfg, otel.Children(r.tracing)), nil
}

// openSearched connects to where searches go: a replica, if one is set. What
// writes, the ledger and the newest logs, which must have the last stored batch,
// stay with the server that is written to.
func openSearched(ctx context.Context, r *role) (*postgres.DB, error) {
	url, setting := r.cfg.Postgres.ReadURL, "postgres-read-url"
	if url == "" {
		url, setting = r.cfg.Postgres.URL, "postgres-url"
	}
	return postgres.OpenReader(ctx, postgres.Config{
		URL: url, MaxConns: r.cfg.Postgres.Connections, StatementTimeout: r.cfg.Postgres.Timeout, Logger: r.logger, Name: "postgres-searches",
		Setting: setting, Tracing: otel.Children(r.tracing),
	})
}

// newAnswers returns the cache of answers, which minds how far a replica is.
func newAnswers(cfg app.Config, cache app.AnswerStore, db, searched *postgres.DB, feed *postgres.Feed) *app.AnswerCache {
	config := app.AnswerCacheConfig{Store: cache, Scope: storeName(cfg.Postgres.URL), Changed: feed.ChangedAt, Timeout: cfg.Postgres.Timeout}
	if cfg.Postgres.ReadURL != "" {
		config.Searched = db.Searched(searched)
	}
	return app.NewAnswerCache(config)
}
