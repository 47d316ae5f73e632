package deployed

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// expectReader runs what makes the role that Grafana reads with, as PostgreSQL's
// image does with the folder that the file mounts, and expects that the role may
// read and do nothing else.
func (s *site) expectReader(database string) {
	s.t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		s.t.Fatal(err)
	}
	env := []string{"PGHOST=" + at.Hostname(), "PGPORT=" + at.Port()}
	for variable, value := range s.services["postgres"].Environment {
		if value != nil {
			env = append(env, variable+"="+*value)
		}
	}
	var scripts []string
	for _, volume := range s.services["postgres"].Volumes {
		if volume.Target == "/docker-entrypoint-initdb.d" {
			scripts, _ = filepath.Glob(filepath.Join(volume.Source, "*.sh"))
		}
	}
	for _, script := range scripts {
		if out, err := command(s.t, env, "sh", script); err != nil {
			s.t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
	at.User = url.User("reader")
	conn, err := pgx.Connect(s.t.Context(), at.String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(s.t.Context())
	if _, err := conn.Exec(s.t.Context(), "SELECT 1"); err != nil {
		s.t.Error(err)
	}
	for _, statement := range []string{"CREATE TABLE mine ()", "SET default_transaction_read_only = off; CREATE TABLE mine ()"} {
		if _, err := conn.Exec(s.t.Context(), statement); err == nil || !strings.Contains(err.Error(), "read-only") && !strings.Contains(err.Error(), "permission denied") {
			s.t.Errorf("%s: %v", statement, err)
		}
	}
}
