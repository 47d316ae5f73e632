package main

import (
	"context"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"millrace/app"
	"millrace/app/client"
	"millrace/app/kafka"
	"millrace/app/otlp"
	"millrace/app/postgres"
	"millrace/http/ledger"
	"millrace/http/openapi"
	"millrace/http/quarantine"
	"millrace/http/query"
	"millrace/http/tail"
	"millrace/http/ui"
	"millrace/middleware/metrics"
)

// runGateway answers queries:
//
//	HTTP ─▶ query ─▶ app.Recent ─▶ its copy, Redis, or PostgreSQL when both are behind
//	              └─▶ app.AnswerCache ─▶ Redis, or PostgreSQL when the answer has aged
//	     ─▶ tail ─▶ app.TailHub ─▶ Kafka
//	     ─▶ openapi
//	     ─▶ ledger ─▶ app.Ledger ─▶ PostgreSQL, and the shippers themselves
//	     ─▶ ui: pages, made of what the others answer
//	     ─▶ quarantine ─▶ app.Quarantine ─▶ PostgreSQL, from where a consumer replays
func runGateway(ctx context.Context, cfg app.Config) error {
	r := newRole("gateway", cfg)
	defer r.close()
	db, err := openPostgres(ctx, r, cfg.Postgres.Timeout)
	if err != nil {
		return err
	}
	defer r.closing("PostgreSQL", db.Close)
	searched, err := openSearched(ctx, r)
	if err != nil {
		return err
	}
	defer r.closing("PostgreSQL for searches", searched.Close)
	cache, err := openRedis(r, cfg.Redis)
	if err != nil {
		return err
	}
	defer r.closing("Redis", cache.Close)
	feed := db.Feed()

	r.open = ui.Routes()
	e, err := r.newServer(0, db.Check(), searched.Check(), app.Helpful(cache.Check()))
	if err != nil {
		return err
	}
	r.guard.MountLogin(e)
	document, err := mountDocument(e)
	if err != nil {
		return err
	}
	answers := newAnswers(cfg, cache, db, searched, feed)
	defer r.closing("the cache of answers", answers.Close)
	recent := app.NewRecent(db.Reader(), cache, feed, query.Pack)
	defer r.closing("the newest logs", recent.Close)
	if err := mountQuery(r, e, document, searched, recent, answers); err != nil {
		return err
	}
	if err := mountTail(r, e, document, searched.Reader()); err != nil {
		return err
	}
	states, err := client.NewStates(cfg.Gateway.Shippers, cfg.HTTP(cfg.Gateway.Shippers...))
	if err != nil {
		return err
	}
	defer r.closing("the connections to shippers", states.Close)
	if err := mountLedger(r, e, document, db.Ledger(), states); err != nil {
		return err
	}
	if err := mountQuarantine(r, e, document, db); err != nil {
		return err
	}
	roles, err := mountPages(e, cfg)
	if err != nil {
		return err
	}
	defer r.closing("the connections to roles", roles.Close)
	if err := r.addServer(e, cfg.Gateway.Addr, "gateway-addr"); err != nil {
		return err
	}
	r.addLoop(feed.Run)
	return r.run(ctx)
}

// mountDocument adds the description of the API, against which requests are
// checked.
func mountDocument(e *echo.Echo) (*openapi.Document, error) {
	document, err := openapi.Read()
	if err != nil {
		return nil, err
	}
	return document, document.Mount(e)
}

// mountQuery adds the searches and counts.
func mountQuery(r *role, e *echo.Echo, document *openapi.Document, db *postgres.DB, recent *app.Recent, answers *app.AnswerCache) error {
	reader, cfg := db.Reader(), r.cfg.Gateway
	config := query.Config{
		Document: document, Recent: recent,
		Reader: reader, Finder: reader, Counter: db.Counter(), Walker: reader, EncodeOTLP: otlp.EncodeJSON,
		Timeout: r.cfg.Postgres.Timeout, MaxRange: cfg.MaxRange,
		MaxSearches: cfg.MaxSearches, MaxExports: cfg.MaxExports, ClosedAfter: cfg.ClosedAfter, Logger: r.logger,
	}
	if cfg.Cache {
		config.Answers = answers
	}
	return query.Mount(e, config)
}

// storeName tells databases apart, for what several gateways share in one Redis.
// It names no user and no password.
func storeName(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // it was checked
	}
	return u.Host + u.Path
}

// mountTail adds the endpoint that follows Kafka, which a gateway can do without.
func mountTail(r *role, e *echo.Echo, document *openapi.Document, stored app.StoredPlaces) error {
	config := tail.Config{Document: document, Still: r.guard.Still, Stored: stored}
	if len(r.cfg.Kafka.Brokers) > 0 {
		observer := metrics.NewTails(r.registry)
		config.Hub = app.NewTailHub(kafka.NewSource(r.cfg.Kafka), otlp.Codec{}, app.TailConfig{MaxTails: r.cfg.Gateway.MaxTails, Observer: observer})
		observer.Watch(config.Hub.Tails)
	}
	return tail.Mount(e, config)
}

// mountLedger adds the ledger's endpoints, and the loop that looks for gaps.
func mountLedger(r *role, e *echo.Echo, document *openapi.Document, db *postgres.Ledger, shippers app.ShipperStates) error {
	r.addLoop(app.NewLedgerWatch(db, shippers, metrics.NewLedger(r.registry).Observe).Run)
	return ledger.Mount(e, ledger.Config{Document: document, Ledger: app.NewLedger(db, shippers), Timeout: r.cfg.Postgres.Timeout})
}

// mountQuarantine adds the quarantine's endpoints, and the loop that counts its
// items.
func mountQuarantine(r *role, e *echo.Echo, document *openapi.Document, db *postgres.DB) error {
	items := db.Quarantine()
	r.addLoop(app.NewQuarantineWatch(items, metrics.NewQuarantined(r.registry).Observe).Run)
	return quarantine.Mount(e, quarantine.Config{
		Document: document, Quarantine: app.NewQuarantine(items, otlp.Codec{}), Timeout: r.cfg.Postgres.Timeout,
	})
}

// mountPages adds the pages, which ask the API of the same server, and the roles.
func mountPages(e *echo.Echo, cfg app.Config) (*client.Roles, error) {
	known := cfg.Gateway
	roles, err := client.NewRoles(
		cfg.HTTP(slices.Concat(known.Shippers, known.Consumers, known.Producers)...),
		known.Shippers, known.Consumers, known.Producers,
	)
	if err != nil {
		return nil, err
	}
	return roles, ui.Mount(e, ui.Config{API: e, Roles: roles, Intake: intakeOf(cfg)})
}

// intakeOf returns where logs are sent to: a shipper that the gateway knows, or
// the one that would be beside it.
func intakeOf(cfg app.Config) string {
	if len(cfg.Gateway.Shippers) > 0 {
		return cfg.Gateway.Shippers[0]
	}
	return cfg.LocalURL(cfg.Shipper.Addr)
}
