package postgres

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/trace"

	"millrace/app"
)

// Config configures a DB. What is zero gets its default.
type Config struct {
	Name             string        // of the check; default "postgres"
	Setting          string        // that holds URL, for errors; default "postgres-url"
	URL              string        // postgres://USER:PASSWORD@HOST:PORT/DATABASE
	MaxConns         int           // connections at the most, 3 or more; default 8
	StatementTimeout time.Duration // for each statement; 0: no limit
	Retention        time.Duration // age at which a day is dropped, and up to which one has a partition of its own; default 30 days
	RetentionBytes   int64         // size of all days above which the oldest are dropped; 0: any
	Logger           *slog.Logger  // default: none

	Tracing trace.TracerProvider // nil: nothing is traced
}

// The settings that hold the URLs of the server that is written to, and of the
// one that is searched.
const (
	writtenSetting  = "postgres-url"
	searchedSetting = "postgres-read-url"
)

func (c *Config) setDefaults() {
	if c.Name == "" {
		c.Name = "postgres"
	}
	if c.Setting == "" {
		c.Setting = writtenSetting
	}
	if c.MaxConns == 0 {
		c.MaxConns = 8
	}
	if c.Retention == 0 {
		c.Retention = 30 * 24 * time.Hour
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate returns what cannot be right, as an Error of app.KindInvalid.
func (c Config) Validate() error {
	switch {
	// The events of two topics each have a transaction that is open while their
	// handlers read.
	case c.MaxConns < 3:
		return app.Errorf(app.KindInvalid, "%d connections are too few (setting postgres-connections): want 3 or more", c.MaxConns)
	case c.StatementTimeout < 0:
		return app.Errorf(app.KindInvalid, "a statement timeout of %s cannot be kept (setting postgres-statement-timeout)", c.StatementTimeout)
	case c.RetentionBytes < 0:
		return app.Errorf(app.KindInvalid, "a size of %d bytes cannot be kept (setting consumer-retention-bytes)", c.RetentionBytes)
	case c.Retention < 0:
		return app.Errorf(app.KindInvalid, "a retention of %s cannot be kept (setting consumer-retention)", c.Retention)
	}
	return nil
}

// OpenReader connects to a database that was brought up to date by Open, for
// what Reader and Counter do. It may be a replica, and the role may have no more
// than SELECT. Errors are those of Open.
func OpenReader(ctx context.Context, cfg Config) (*DB, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	db, err := connect(ctx, cfg, map[string]string{
		"default_transaction_read_only": "on",
		// A plan for any values takes a wrong index for most: which is right
		// depends on how many logs a service and a level have. Making one for
		// the values at hand takes less than a millisecond.
		"plan_cache_mode": "force_custom_plan",
	})
	if err != nil {
		return nil, err
	}
	if err := db.Check().Check(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// DB is a pool of connections to one database whose schema is up to date. Safe
// for concurrent use.
type DB struct {
	cfg        Config
	pool       *pgxpool.Pool
	sql        *sql.DB // the same pool, as database/sql knows it
	partitions *partitions
	tracer     trace.Tracer // nil: nothing is traced
}

// connectTimeout bounds each attempt to connect.
const connectTimeout = 5 * time.Second

// Open connects and brings the schema up to date. A server that cannot be
// reached or used is an Error of app.KindUnavailable, which names the setting
// to look at and does not show the password.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := Migrate(ctx, cfg.URL); err != nil {
		return nil, err
	}
	return connect(ctx, cfg, nil)
}

func connect(ctx context.Context, cfg Config, parameters map[string]string) (*DB, error) {
	poolConfig, err := parseURL(cfg.Setting, cfg.URL)
	if err != nil {
		return nil, err
	}
	poolConfig.MaxConns = int32(cfg.MaxConns)
	poolConfig.AfterConnect = commitToDisk
	if cfg.StatementTimeout > 0 {
		poolConfig.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(max(1, cfg.StatementTimeout.Milliseconds()), 10)
	}
	var tracer trace.Tracer
	if cfg.Tracing != nil {
		tracer = cfg.Tracing.Tracer(tracerName)
		poolConfig.ConnConfig.Tracer = newTracer(cfg.Tracing)
	}
	// Compiling a statement takes a hundred times as long as most of ours run,
	// and is decided by an estimate of all that a LIMIT leaves unread.
	poolConfig.ConnConfig.RuntimeParams["jit"] = "off"
	maps.Copy(poolConfig.ConnConfig.RuntimeParams, parameters)
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, unusable(address{poolConfig.ConnConfig, cfg.Setting}, err)
	}
	return &DB{
		cfg:        cfg,
		pool:       pool,
		sql:        stdlib.OpenDBFromPool(pool),
		partitions: newPartitions(pool, cfg.Retention),
		tracer:     tracer,
	}, nil
}

func parseURL(setting, url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil || url == "" {
		// pgx's own error is about the address and may show all of it.
		return nil, app.Errorf(app.KindInvalid, "--%s cannot be read: want postgres://USER:PASSWORD@HOST:PORT/DATABASE", setting)
	}
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.ConnConfig.RuntimeParams["application_name"] = "millrace"
	cfg.ConnConfig.BuildContextWatcherHandler = cancelInServer
	return cfg, nil
}

// deadlineDelay is how long a server that was asked to cancel a statement has to
// say that it did; then the connection is given up.
const deadlineDelay = 2 * time.Second

// cancelInServer makes the end of a context end the statement in the server, too.
func cancelInServer(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: deadlineDelay}
}

// commitToDisk undoes a server's synchronous_commit = off: a batch is
// acknowledged to Kafka after its commit, which must be on disk by then.
// Stronger settings, for standbys, stay.
func commitToDisk(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
	return err
}

// Close closes every connection, and waits for those in use.
func (db *DB) Close() error {
	err := db.sql.Close()
	db.pool.Close()
	return err
}

// address is where its connections lead.
func (db *DB) address() address { return address{db.pool.Config().ConnConfig, db.cfg.Setting} }

// Check returns a check that PostgreSQL answers.
func (db *DB) Check() app.Check {
	return app.CheckFunc(db.cfg.Name, func(ctx context.Context) error {
		if err := db.pool.Ping(ctx); err != nil {
			return unusable(db.address(), err)
		}
		return nil
	})
}
