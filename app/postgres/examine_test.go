package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"millrace/app"
	"millrace/app/postgres"
)

func examine(t *testing.T, at string, connections int) string {
	t.Helper()
	var out strings.Builder
	for _, d := range postgres.Examine(t.Context(), app.PostgresConfig{URL: at, Connections: connections}) {
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
