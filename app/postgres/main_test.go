package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/app/embedded"
	"millrace/app/postgres"
	"millrace/app/postgres/storetest"
)

// serverURL is a server that all tests share; each has a database of its own.
var serverURL string

var databases atomic.Int32

var quiet = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	serverURL = os.Getenv("MILLRACE_TEST_POSTGRES_URL")
	if serverURL == "" {
		dir, err := os.MkdirTemp("", "millrace-postgres-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		server, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{Dir: dir, Logger: quiet})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer server.Close()
		serverURL = server.URL()
	}
	before := goleak.IgnoreCurrent() // the server's
	code := m.Run()
	if err := goleak.Find(before); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// newURL makes a database for one test.
func newURL(t testing.TB) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), serverURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if _, err := conn.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	address.Path = name
	return address.String()
}

func open(t testing.TB, at string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(context.Background(), postgres.Config{URL: at, MaxConns: 10, Retention: 30 * 24 * time.Hour, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newDB(t testing.TB) *postgres.DB { return open(t, newURL(t)) }

// Short names for what the tests below say often.
var (
	now      = storetest.Now
	batch    = storetest.Batch
	logAt    = storetest.LogAt
	messages = storetest.Messages
)

func store(t testing.TB, db *postgres.DB, batches ...app.Batch) {
	t.Helper()
	for _, b := range batches {
		if _, err := db.Store().Store(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

// connect opens a connection of the test's own.
func connect(t testing.TB, at string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// count returns the number that a statement selects.
func count(t testing.TB, conn *pgx.Conn, statement string, args ...any) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), statement, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func exec(t testing.TB, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come about")
		}
	}
}

// withUser is the same database for another role.
func withUser(t testing.TB, at, user, password string) string {
	t.Helper()
	address, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(user, password)
	return address.String()
}
