package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"millrace/app"
)

// ExamineSearched tells whether the PostgreSQL of cfg.ReadURL suits searches:
// whether it has the schema, and its user may read it; whether it is the server
// of cfg.URL or a replica of that, and how far one is behind. What needs the
// server of cfg.URL is left out when that does not answer. It changes nothing. A
// server that does not answer is one of the findings.
func ExamineSearched(ctx context.Context, cfg app.PostgresConfig) []app.Diagnosis {
	x := &searchedExamination{examination: examination{Examination: app.NewExamination("searches"), ctx: ctx, cfg: cfg}}
	var err error
	if x.conn, err = connectTo(ctx, searchedSetting, cfg.ReadURL); err != nil {
		x.Wrong("", "%v", err)
		return x.Found()
	}
	defer x.conn.Close(context.WithoutCancel(ctx))
	if cfg.URL != "" {
		if x.written, err = connectTo(ctx, writtenSetting, cfg.URL); err == nil {
			defer x.written.Close(context.WithoutCancel(ctx))
		}
	}
	gateways := func() error { return x.connections(1, "gateways", "a gateway has too few") }
	x.look(x.origin, x.schema, x.reads, x.writes, gateways, x.clock)
	return x.Found()
}

type searchedExamination struct {
	examination
	written *pgx.Conn // to the server that is written to; nil when that does not answer
	empty   bool      // there are no tables, so that nobody's rights on them can be told
}

// cluster is what tells one server from another, and a replica from both.
type cluster struct {
	system   int64 // the same in a server and its replicas
	started  time.Time
	database string
	standby  bool
}

func clusterOf(ctx context.Context, conn *pgx.Conn) (c cluster, err error) {
	err = conn.QueryRow(ctx, "SELECT system_identifier, pg_postmaster_start_time(), current_database(), pg_is_in_recovery() FROM pg_control_system()").
		Scan(&c.system, &c.started, &c.database, &c.standby)
	return c, err
}

// origin looks where the server has its logs from.
func (x *searchedExamination) origin() error {
	here, err := clusterOf(x.ctx, x.conn)
	if err != nil {
		return err
	}
	at := fmt.Sprintf("it answers at %s:%d", x.conn.Config().Host, x.conn.Config().Port)
	if x.written == nil {
		x.Unset("%s; the server of postgres-url does not, so that they cannot be compared", at)
		return nil
	}
	there, err := clusterOf(x.ctx, x.written)
	if err != nil {
		return err
	}
	const other = "name the server of postgres-url or a replica of it in postgres-read-url, with the same database"
	switch {
	case here.database != there.database && here.system == there.system:
		x.Wrong(other, "it is asked for database %s, and logs are stored in %s", here.database, there.database)
	case here.system == there.system && here.started.Equal(there.started):
		x.Fine("%s, and is the server of postgres-url", at)
	case here.system == there.system && here.standby:
		return x.replica(at)
	case here.standby:
		x.Wrong(other, "it is a replica of another server than that of postgres-url")
	default:
		x.Better(other, "it is neither the server of postgres-url nor a replica of PostgreSQL's own streaming: how far it is cannot be told, and its answers are kept for a second")
	}
	return nil
}

// catchUpWait is how long a replica may be behind without being told of.
const catchUpWait = time.Second

// replica looks how far a replica is, and whether its searches are left alone.
func (x *searchedExamination) replica(at string) error {
	caught := (&Searched{written: x.written, searched: x.conn}).CaughtUp(x.ctx, catchUpWait)
	var position string
	if err := x.written.QueryRow(x.ctx, "SELECT pg_current_wal_flush_lsn()::text").Scan(&position); err != nil {
		return err
	}
	var behind int64
	var paused, connected bool
	err := x.conn.QueryRow(x.ctx, `SELECT coalesce(pg_wal_lsn_diff($1::text::pg_lsn, pg_last_wal_replay_lsn()), 0)::bigint, pg_is_wal_replay_paused(),
		EXISTS (SELECT FROM pg_stat_wal_receiver)`, position).Scan(&behind, &paused, &connected)
	if err != nil {
		return err
	}
	late := fmt.Sprintf("%s, a replica that is %d bytes behind", at, behind)
	switch {
	case caught:
		x.Fine("%s, a replica that has what was stored until now", at)
	case paused:
		x.Better("SELECT pg_wal_replay_resume() on it", "%s, and replays nothing (it is paused): searches miss what is stored", late)
	case !connected:
		x.Better("see to its primary_conninfo and its log", "%s, and is not connected to its primary: searches miss what is stored", late)
	default:
		x.Better("give it as fast a disk as the primary's, or search that", "%s, and did not catch up in %s: searches miss what was stored last", late, catchUpWait)
	}
	return x.conflicts()
}

// conflicts looks whether replaying may cancel searches.
func (x *searchedExamination) conflicts() error {
	var feedback bool
	var delay int64 // milliseconds; below 0: any time
	err := x.ask(`SELECT current_setting('hot_standby_feedback')::bool, setting::bigint FROM pg_settings WHERE name = 'max_standby_streaming_delay'`, &feedback, &delay)
	if err != nil {
		return err
	}
	if most := time.Duration(delay) * time.Millisecond; !feedback && delay >= 0 && most < x.cfg.Timeout {
		x.Better("set hot_standby_feedback = on there, or max_standby_streaming_delay longer than postgres-statement-timeout",
			"what it has to replay may cancel a search after %s, and one may take %s", most, x.cfg.Timeout)
	}
	return nil
}

// schema compares the schema with what this program's searches are written for.
func (x *searchedExamination) schema() error {
	newest, err := newestMigration()
	if err != nil {
		return err
	}
	var version int64
	err = x.ask("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied", &version)
	var refusal *pgconn.PgError
	switch {
	case errors.As(err, &refusal) && refusal.Code == pgerrcode.UndefinedTable:
		x.empty = true
		x.Wrong("start a consumer or a gateway, which makes it on the server of postgres-url, or name the database that has it", "database %s has no schema of Millrace that user %s can see", x.conn.Config().Database, x.conn.Config().User)
	case errors.As(err, &refusal) && refusal.Code == pgerrcode.InsufficientPrivilege:
		x.Unset("which version its schema has is not known: user %s may not read goose_db_version", x.conn.Config().User)
	case err != nil:
		return err
	case version < newest:
		x.Wrong("start a consumer or a gateway, which brings it up to date on the server of postgres-url", "its schema has version %d, and searches need %d", version, newest)
	case version > newest:
		x.Better("use one version of millrace everywhere", "its schema has version %d, which a newer millrace made: this one knows %d", version, newest)
	default:
		x.Fine("its schema is up to date (version %d)", version)
	}
	return nil
}

// newestMigration is the version of an up-to-date schema.
func newestMigration() (newest int64, err error) {
	entries, err := fs.ReadDir(migrations, "migrations")
	for _, entry := range entries {
		version, err := goose.NumericComponent(entry.Name())
		if err != nil {
			return 0, err
		}
		newest = max(newest, version)
	}
	return newest, err
}

// searchedTables are what searches read.
var searchedTables = []string{"logs", "ledger", "log_counts", "text_signatures", "field_signatures", "unsigned_batches"}

// reads looks whether the user may read all of it. A table that is not there is
// the schema's matter.
func (x *searchedExamination) reads() error {
	if x.empty {
		return nil
	}
	var user, lacking string
	err := x.conn.QueryRow(x.ctx, `SELECT current_user, coalesce(string_agg(name, ', '), '') FROM unnest($1::text[]) AS name
		WHERE NOT has_table_privilege(to_regclass(name), 'SELECT')`, searchedTables).Scan(&user, &lacking)
	switch {
	case err != nil:
		return err
	case lacking != "":
		x.Wrong(fmt.Sprintf("GRANT SELECT ON %s TO %s", lacking, user), "user %s may not read %s", user, lacking)
	default:
		x.Fine("user %s may read what searches need", user)
	}
	return nil
}

// writes looks whether the user may do more: a replica takes no writes, and the
// sessions of searches are read-only, but what can be asked for should not rest
// on that alone.
func (x *searchedExamination) writes() error {
	if x.empty {
		return nil
	}
	var standby, writes bool
	var user string
	err := x.conn.QueryRow(x.ctx, `SELECT pg_is_in_recovery(), current_user,
		coalesce(bool_or(has_table_privilege(to_regclass(name), 'INSERT, UPDATE, DELETE, TRUNCATE')), false) FROM unnest($1::text[]) AS name`, searchedTables).
		Scan(&standby, &user, &writes)
	switch {
	case err != nil:
		return err
	case standby:
		x.Fine("it takes no writes: it is a standby")
	case writes:
		x.Better(fmt.Sprintf("name a role in postgres-read-url that has no more: GRANT SELECT ON %s TO …", strings.Join(searchedTables, ", ")),
			"user %s may also write there; searches do not, in read-only sessions", user)
	default:
		x.Fine("user %s may not write there", user)
	}
	return nil
}
