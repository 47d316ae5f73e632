package postgres_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
)

func examine(t *testing.T, at string, connections int) string {
	t.Helper()
	return told(postgres.Examine(t.Context(), app.PostgresConfig{URL: at, Connections: connections}))
}

func examineSearched(t *testing.T, at, searched string) string {
	t.Helper()
	return told(postgres.ExamineSearched(t.Context(), app.PostgresConfig{URL: at, ReadURL: searched, Connections: 8, Timeout: time.Second}))
}

// told writes diagnoses as lines of VERDICT|FINDING|ADVICE.
func told(found []app.Diagnosis) string {
	var out strings.Builder
	for _, d := range found {
		out.WriteString(strings.Join([]string{string(d.Verdict), d.Finding, d.Advice}, "|") + "\n")
	}
	return out.String()
}

func TestExamineFindsNothingWrongWithAServerThatSuits(t *testing.T) {
	at := newURL(t)
	for _, when := range []string{"before the schema is made", "after it"} {
		got := examine(t, at, 8)
		if strings.Contains(got, string(app.VerdictWrong)) || !strings.Contains(got, "may make tables in schema public") || !strings.Contains(got, "its clock is this machine's") {
			t.Errorf("%s: %s", when, got)
		}
		open(t, at)
	}
}

func TestExamineTellsWhatDoesNotSuit(t *testing.T) {
	at := newURL(t)
	open(t, at)
	admin := connect(t, at)
	exec(t, admin, "CREATE ROLE examined LOGIN PASSWORD 'examined'")
	defer exec(t, admin, "DROP ROLE examined") // its rights are taken from it below
	address, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("examined", "examined")
	as := address.String()

	if got := examine(t, as, 8); !strings.Contains(got, "WRONG|user examined may not make tables in schema public|GRANT CREATE, USAGE ON SCHEMA public TO examined") {
		t.Errorf("without rights: %s", got)
	}
	exec(t, admin, "GRANT CREATE ON SCHEMA public TO examined")
	if got := examine(t, as, 8); !strings.Contains(got, "WRONG|user examined does not own the tables") {
		t.Errorf("with tables of another: %s", got)
	}
	exec(t, admin, "REVOKE CREATE ON SCHEMA public FROM examined")
	if got := examine(t, at, 1000); !strings.Contains(got, "WRONG|max_connections is") {
		t.Errorf("with many connections: %s", got)
	}
	address.Path = "missing"
	if got := examine(t, address.String(), 8); !strings.Contains(got, `has no database "missing"`) {
		t.Errorf("without its database: %s", got)
	}
	if got := examine(t, "nonsense", 8); !strings.Contains(got, "WRONG|") {
		t.Errorf("nonsense: %s", got)
	}
}

func TestExamineSearchedComparesTwoURLs(t *testing.T) {
	at := newURL(t)
	open(t, at)
	other := newURL(t)
	postgres.MigrateDownTo(t, migrated(t, other), 7)
	admin := connect(t, at)
	exec(t, admin, "CREATE ROLE searcher LOGIN PASSWORD 'searcher'")
	defer func() { exec(t, admin, "DROP OWNED BY searcher"); exec(t, admin, "DROP ROLE searcher") }()
	as := withUser(t, at, "searcher", "searcher")
	tables := strings.Join(postgres.SearchedTables, ", ")

	const same = "and is the server of postgres-url"
	if got := examineSearched(t, at, at); !strings.Contains(got, same) || !strings.Contains(got, "better|user ") || !strings.Contains(got, "its schema is up to date") {
		t.Errorf("the very same: %s", got)
	}
	if got := examineSearched(t, at, as); !strings.Contains(got, "WRONG|user searcher may not read "+tables+"|GRANT SELECT ON "+tables+" TO searcher") {
		t.Errorf("a role without rights: %s", got)
	}
	exec(t, admin, "GRANT SELECT ON "+tables+" TO searcher")
	if got := examineSearched(t, at, as); strings.Contains(got, string(app.VerdictWrong)) || !strings.Contains(got, "unset|which version") || !strings.Contains(got, "fine|user searcher may not write there") {
		t.Errorf("a role that may read the tables: %s", got)
	}
	exec(t, admin, "GRANT SELECT ON goose_db_version TO searcher")
	if got := examineSearched(t, at, as); strings.Contains(got, "better|") || strings.Contains(got, "unset|") || !strings.Contains(got, "its clock is this machine's") {
		t.Errorf("a role that may read all: %s", got)
	}
	exec(t, admin, "GRANT DELETE ON logs TO searcher")
	if got := examineSearched(t, at, as); !strings.Contains(got, "better|user searcher may also write there") {
		t.Errorf("a role that may delete: %s", got)
	}
	if got := examineSearched(t, at, other); !strings.Contains(got, "WRONG|it is asked for database test_") || !strings.Contains(got, "WRONG|its schema has version 7, and searches need ") {
		t.Errorf("another database, of an older schema: %s", got)
	}
	if got := examineSearched(t, at, newURL(t)); !strings.Contains(got, "has no schema of Millrace") || strings.Contains(got, "may read") || strings.Contains(got, "write") {
		t.Errorf("an empty database: %s", got)
	}
}

func TestExamineSearchedOfWhatDoesNotAnswer(t *testing.T) {
	at := newURL(t)
	open(t, at)
	const nowhere = "postgres://user:hunter2@127.0.0.1:1/db"
	if got := examineSearched(t, at, nowhere); !strings.Contains(got, "WRONG|PostgreSQL at 127.0.0.1:1 cannot be reached") || !strings.Contains(got, "--postgres-read-url") || strings.Contains(got, "hunter2") {
		t.Error(got)
	}
	for _, written := range []string{nowhere, ""} {
		if got := examineSearched(t, written, at); !strings.Contains(got, "unset|it answers at ") || !strings.Contains(got, "its schema is up to date") {
			t.Errorf("compared with %q: %s", written, got)
		}
	}
}

// migrated brings a database up to date.
func migrated(t *testing.T, at string) string {
	t.Helper()
	if err := postgres.Migrate(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	return at
}
