package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

func TestAServerThatCannotBeUsedIsNamedWithoutThePassword(t *testing.T) {
	change := func(f func(*url.URL)) string {
		address, err := url.Parse(serverURL)
		if err != nil {
			t.Fatal(err)
		}
		f(address)
		return address.String()
	}
	for name, c := range map[string]struct {
		at   string
		want string
	}{
		"no server":   {"postgres://user:hunter2@127.0.0.1:1/db", "127.0.0.1:1 cannot be reached"},
		"no host":     {"postgres://user:hunter2@nowhere.invalid:5432/db", "nowhere.invalid:5432 cannot be reached"},
		"no URL":      {"postgres://user:hunter2@[::bad/db", "want postgres://"},
		"nothing":     {"", "want postgres://"},
		"no user":     {change(func(u *url.URL) { u.User = url.UserPassword("nobody", "hunter2") }), `"nobody"`},
		"no database": {change(func(u *url.URL) { u.Path = "nosuch" }), `no database "nosuch"`},
	} {
		_, err := postgres.Open(t.Context(), postgres.Config{URL: c.at})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, "--postgres-url") || !strings.Contains(text, c.want) || strings.Contains(text, "hunter2") || strings.Contains(text, "\n") {
			t.Errorf("%s: got %q", name, text)
		}
		if _, err := postgres.OpenReader(t.Context(), postgres.Config{URL: c.at, Setting: "postgres-read-url"}); err == nil || !strings.Contains(err.Error(), "--postgres-read-url") {
			t.Errorf("%s: of searches: got %v", name, err)
		}
		if kind := app.KindOf(err); kind != app.KindUnavailable && kind != app.KindInvalid {
			t.Errorf("%s: of kind %d", name, kind)
		}
	}
}

func TestADatabaseThatCannotHoldEveryLogIsRefused(t *testing.T) {
	conn := connect(t, serverURL)
	exec(t, conn, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	defer exec(t, conn, "DROP DATABASE latin")
	address, _ := url.Parse(serverURL)
	address.Path = "latin"
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: address.String()}); err == nil || !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("got %v", err)
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for _, cfg := range []postgres.Config{{MaxConns: 1}, {MaxConns: -1}, {StatementTimeout: -1}, {Retention: -1}} {
		cfg.URL = serverURL
		if _, err := postgres.Open(t.Context(), cfg); app.KindOf(err) != app.KindInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := postgres.Open(ended, postgres.Config{URL: serverURL}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestManyProcessesMayStartAtOnce(t *testing.T) {
	at := newURL(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if err := postgres.Migrate(t.Context(), at); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	store(t, open(t, at), batch("k3v9", 1, logAt(0, "x")))
}

func TestAnOlderSchemaKeepsItsRows(t *testing.T) {
	at := newURL(t)
	db := open(t, at)
	store(t, db, batch("k3v9", 1, logAt(time.Hour, "a"), logAt(0, "b")), batch("k3v9", 3, logAt(0, "c")))
	conn := connect(t, at)
	postgres.MigrateDownTo(t, at, 1)
	if err := postgres.Migrate(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if n := count(t, conn, "SELECT count(*) FROM ledger WHERE last_seq = 2 AND stored = 2 AND first_time = $1 AND last_time = $2", now.Add(-time.Hour), now); n != 1 {
		t.Error("the ledger does not tell what the batch spans")
	}
	store(t, db, batch("k3v9", 4, logAt(0, "d")))
	page, err := db.Reader().Logs(t.Context(), app.Query{Limit: 10, Filter: app.Filter{Services: []string{"checkout"}}})
	if err != nil || len(page.Logs) != 4 {
		t.Errorf("%q, %v", messages(page.Logs), err)
	}
}

func TestCommitsAreOnDiskWhateverTheServersDefault(t *testing.T) {
	for _, c := range [][2]string{{"off", "on"}, {"local", "local"}, {"on", "on"}} {
		at := newURL(t)
		conn := connect(t, at)
		exec(t, conn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = "+c[0]+"', current_database()); END $$")
		db := open(t, at)
		if got := db.Setting(t, "synchronous_commit"); got != c[1] {
			t.Errorf("%s became %s", c[0], got)
		}
	}
}

func TestTheCheckTellsWhetherPostgreSQLAnswers(t *testing.T) {
	proxy, through := newProxy(t, newURL(t))
	check := open(t, through).Check()
	if err := check.Check(t.Context()); err != nil || check.Name() != "postgres" {
		t.Error(check.Name(), err)
	}
	proxy.refuses.Store(true)
	proxy.cut()
	eventually(t, func() bool { return app.KindOf(check.Check(t.Context())) == app.KindUnavailable })
	proxy.heal()
	eventually(t, func() bool { return check.Check(t.Context()) == nil })
}
