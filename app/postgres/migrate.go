package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"millrace/app"
)

//go:embed migrations/*.sql
var migrations embed.FS

// oldestServer is the oldest major version of PostgreSQL that is tested.
const oldestServer = 15

// Migrate brings the schema of the database at url up to date; a schema that
// is, it leaves alone. A copy from another server it makes usable. Processes
// that start together do it one after another. Its errors are those of Open.
func Migrate(ctx context.Context, url string) error {
	cfg, err := parseURL(writtenSetting, url)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg.ConnConfig)
	defer db.Close()
	if err := suits(ctx, db, address{cfg.ConnConfig, writtenSetting}); err != nil {
		return err
	}
	if err := migrate(ctx, db); err != nil {
		return app.Errorf(app.KindOf(classify(ctx, err)), "the schema in database %q (setting postgres-url) cannot be brought up to date: %w", cfg.ConnConfig.Database, err)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithVerbose(false))
	if err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err != nil {
		return err
	}
	return settle(ctx, db)
}

// suits tells whether the server can be reached, and is new enough and the
// database encoded to hold every log.
func suits(ctx context.Context, db *sql.DB, at address) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return unusable(at, err)
	}
	defer conn.Close()
	var version, encoding string
	err = conn.Raw(func(driver any) error {
		server := driver.(*stdlib.Conn).Conn().PgConn()
		version, encoding = server.ParameterStatus("server_version"), server.ParameterStatus("server_encoding")
		return nil
	})
	if err != nil {
		return unusable(at, err)
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldestServer {
		return unusable(at, errors.New("it is version "+version+", and "+strconv.Itoa(oldestServer)+" is the oldest that will do"))
	}
	if encoding != "UTF8" {
		return unusable(at, errors.New("database "+at.Database+" is encoded "+encoding+", and only UTF8 holds every log"))
	}
	return nil
}
