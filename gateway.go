package main

import (
	"context"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/app/client"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/http/ledger"
	"millrace/http/openapi"
	"millrace/http/query"
	"millrace/http/tail"
	"millrace/http/ui"
	"millrace/middleware/metrics"
)

// runGateway answers queries:
//
//	HTTP ─▶ query ─▶ app.Recent ─▶ Redis, or PostgreSQL when Redis is behind
//	              └─▶ PostgreSQL
//	     ─▶ tail ─▶ app.TailHub ─▶ Kafka
//	     ─▶ openapi
//	     ─▶ ledger ─▶ app.Ledger ─▶ PostgreSQL, and the shippers themselves
//	     ─▶ ui: pages, made of what the others answer
func runGateway(ctx context.Context, cfg app.Config) error {
	r := newRole("gateway", cfg)
	defer r.close()
	db, err := openPostgres(ctx, r, cfg.Postgres.Timeout)
	if err != nil {
		return err
	}
	defer r.closing("PostgreSQL", db.Close)
	cache, err := openRedis(r, cfg.Redis)
	if err != nil {
		return err
	}
	defer r.closing("Redis", cache.Close)
	feed := db.Feed()

	r.open = ui.Routes()
	e, err := r.newServer(0, db.Check(), app.Helpful(cache.Check()))
	if err != nil {
		return err
	}
	r.guard.MountLogin(e)
	document, err := openapi.Read()
	if err != nil {
		return err
	}
	if err := document.Mount(e); err != nil {
		return err
	}
	reader := db.Reader()
	err = query.Mount(e, query.Config{
		Document: document, Recent: app.NewRecent(reader, cache, feed),
		Reader: reader, Finder: reader, Counter: db.Counter(), Walker: reader, EncodeOTLP: otlp.EncodeJSON,
		Timeout: cfg.Postgres.Timeout, MaxRange: cfg.Gateway.MaxRange,
		MaxSearches: cfg.Gateway.MaxSearches, MaxExports: cfg.Gateway.MaxExports, Logger: r.logger,
	})
	if err != nil {
		return err
	}
	if err := mountTail(r, e, document); err != nil {
		return err
	}
	states, err := client.NewStates(cfg.Gateway.Shippers, cfg.HTTP(cfg.Gateway.Shippers...))
	if err != nil {
		return err
	}
	defer r.closing("the connections to shippers", states.Close)
	whole := app.NewLedger(db.Ledger(), states)
	err = ledger.Mount(e, ledger.Config{Ledger: whole, Timeout: cfg.Postgres.Timeout})
	if err != nil {
		return err
	}
	if err := ui.Mount(e, ui.Config{API: e}); err != nil {
		return err
	}
	if err := r.addServer(e, cfg.Gateway.Addr, "gateway-addr"); err != nil {
		return err
	}
	r.addLoop(feed.Run)
	r.addLoop(app.NewLedgerWatch(whole, metrics.NewLedger(r.registry).Observe).Run)
	return r.run(ctx)
}

// mountTail adds the endpoint that follows Kafka, which a gateway can do without.
func mountTail(r *role, e *echo.Echo, document *openapi.Document) error {
	config := tail.Config{Document: document, Still: r.guard.Still}
	if len(r.cfg.Kafka.Brokers) > 0 {
		config.Hub = app.NewTailHub(kafka.NewSource(r.cfg.Kafka), otlp.Codec{}, app.TailConfig{MaxTails: r.cfg.Gateway.MaxTails})
	}
	return tail.Mount(e, config)
}
