package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"millrace/app"
)

// Examine tells whether a PostgreSQL suits: its version, what its user may do,
// its extensions, its connections and the settings that keep what is committed.
// It changes nothing. A server that does not answer is one of the findings.
func Examine(ctx context.Context, cfg app.PostgresConfig) []app.Diagnosis {
	x := &examination{Examination: app.NewExamination("PostgreSQL"), ctx: ctx, cfg: cfg}
	var err error
	if x.conn, err = connectTo(ctx, writtenSetting, cfg.URL); err != nil {
		x.Wrong("", "%v", err)
		return x.Found()
	}
	defer x.conn.Close(context.WithoutCancel(ctx))
	both := func() error {
		return x.connections(2, "consumers and gateways", "there must be a consumer and a gateway")
	}
	x.look(x.server, x.rights, x.extensions, both, x.durability, x.size, x.clock)
	return x.Found()
}

// connectTo connects to a server that is new enough and holds every log.
func connectTo(ctx context.Context, setting, url string) (*pgx.Conn, error) {
	cfg, err := parseURL(setting, url)
	if err != nil {
		return nil, err
	}
	at := address{cfg.ConnConfig, setting}
	db := stdlib.OpenDB(*at.ConnConfig)
	err = suits(ctx, db, at)
	db.Close()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, at.ConnConfig)
	if err != nil {
		return nil, unusable(at, err)
	}
	return conn, nil
}

type examination struct {
	*app.Examination
	ctx  context.Context // that of Examine
	cfg  app.PostgresConfig
	conn *pgx.Conn
}

// look asks one question after another.
func (x *examination) look(questions ...func() error) {
	for _, question := range questions {
		if err := question(); err != nil {
			x.Wrong("see to the server", "it does not answer a question about itself: %v", err)
		}
	}
}

func (x *examination) ask(sql string, into ...any) error {
	return x.conn.QueryRow(x.ctx, sql).Scan(into...)
}

func (x *examination) server() error {
	var version string
	var standby, readOnly bool
	err := x.ask("SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool", &version, &standby, &readOnly)
	switch {
	case err != nil:
		return err
	case standby:
		x.Wrong("name the primary in postgres-url, or add target_session_attrs=read-write to it", "it is a standby, which takes no logs")
	case readOnly:
		x.Wrong("ALTER DATABASE … SET default_transaction_read_only = off", "its transactions are read-only")
	default:
		x.Fine("version %s, database %s in UTF8", version, x.conn.Config().Database)
	}
	return nil
}

// rights looks for what the migrations and the partitions of a day need.
func (x *examination) rights() error {
	var user, schema *string
	var creates, uses bool
	err := x.ask(`SELECT current_user, current_schema(),
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), coalesce(has_schema_privilege(current_schema(), 'USAGE'), false)`,
		&user, &schema, &creates, &uses)
	if err != nil {
		return err
	}
	switch {
	case schema == nil:
		x.Wrong("CREATE SCHEMA millrace AUTHORIZATION "+*user, "user %s has no schema to make tables in (search_path)", *user)
		return nil
	case !creates || !uses:
		x.Wrong(fmt.Sprintf("GRANT CREATE, USAGE ON SCHEMA %s TO %s", *schema, *user), "user %s may not make tables in schema %s", *user, *schema)
		return nil
	}
	var foreign *string
	err = x.ask(`SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_class c
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
		AND c.relname IN ('logs', 'ledger', 'goose_db_version') AND NOT pg_has_role(c.relowner, 'USAGE')`, &foreign)
	switch {
	case err != nil:
		return err
	case foreign != nil:
		x.Wrong("ALTER TABLE … OWNER TO "+*user, "user %s does not own the tables %s, and could not add to them", *user, *foreign)
	default:
		x.Fine("user %s may make tables in schema %s", *user, *schema)
	}
	return nil
}

var createExtension = regexp.MustCompile(`(?i)CREATE EXTENSION (?:IF NOT EXISTS )?"?(\w+)`)

// neededExtensions are those that the migrations make.
func neededExtensions() ([]string, error) {
	var needed []string
	err := fs.WalkDir(migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := migrations.ReadFile(path)
		for _, match := range createExtension.FindAllSubmatch(text, -1) {
			needed = append(needed, string(match[1]))
		}
		return err
	})
	slices.Sort(needed)
	return slices.Compact(needed), err
}

func (x *examination) extensions() error {
	needed, err := neededExtensions()
	if err != nil {
		return err
	}
	for _, name := range needed {
		var installed, available, trusted, mayCreate bool
		err := x.conn.QueryRow(x.ctx, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = $1),
			EXISTS (SELECT FROM pg_available_extensions WHERE name = $1),
			EXISTS (SELECT FROM pg_available_extension_versions WHERE name = $1 AND trusted) OR current_setting('is_superuser')::bool,
			has_database_privilege(current_database(), 'CREATE')`, name).Scan(&installed, &available, &trusted, &mayCreate)
		switch {
		case err != nil:
			return err
		case installed:
			x.Fine("extension %s is there", name)
		case !available:
			x.Wrong("install PostgreSQL's contrib package on its machine", "extension %s is not available", name)
		case !trusted || !mayCreate:
			x.Wrong("as a superuser: CREATE EXTENSION "+name, "this user may not make extension %s", name)
		default:
			x.Fine("extension %s can be made", name)
		}
	}
	return nil
}

// connections reckons how many roles can be served, of which some must.
func (x *examination) connections(least int, roles, must string) error {
	var most, reserved, used int
	err := x.ask(`SELECT current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')`, &most, &reserved, &used)
	if err != nil {
		return err
	}
	served := (most - reserved) / x.cfg.Connections
	if served < least {
		x.Wrong(fmt.Sprintf("raise max_connections to %d or more, or lower postgres-connections", least*x.cfg.Connections+reserved),
			"max_connections is %d, and one role may open %d: %s", most, x.cfg.Connections, must)
		return nil
	}
	x.Fine("max_connections is %d, %d in use: enough for %d %s with %d each (postgres-connections)", most, used, served, roles, x.cfg.Connections)
	return nil
}

// durability looks at the settings without which a committed batch may be lost.
func (x *examination) durability() error {
	var fsync, fullPages, synchronous string
	err := x.ask("SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')",
		&fsync, &fullPages, &synchronous)
	if err != nil {
		return err
	}
	switch {
	case fsync == "off" || fullPages == "off":
		x.Wrong("set fsync = on and full_page_writes = on", "it does not keep what is committed when its machine fails (fsync = %s, full_page_writes = %s)", fsync, fullPages)
	case synchronous == "off":
		x.Fine("synchronous_commit is off; our own connections turn it on")
	default:
		x.Fine("what is committed is on disk (synchronous_commit = %s)", synchronous)
	}
	return nil
}

func (x *examination) size() error {
	var bytes int64
	var buffers string
	if err := x.ask("SELECT pg_database_size(current_database()), current_setting('shared_buffers')", &bytes, &buffers); err != nil {
		return err
	}
	x.Fine("the database has %d MB; shared_buffers is %s; what is free on its disk, its machine must say", bytes/1_000_000, buffers)
	return nil
}

func (x *examination) clock() error {
	var theirs time.Time
	asked := time.Now()
	if err := x.ask("SELECT clock_timestamp()", &theirs); err != nil {
		return err
	}
	x.Clock(theirs, asked, time.Now())
	return nil
}
