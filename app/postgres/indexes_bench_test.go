package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
	"millrace/app/synthetic"
)

// nothingKept has a table throw away what is inserted.
const nothingKept = `CREATE OR REPLACE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TRIGGER nothing BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION nothing()`

// withoutFilters undoes what a search by words goes by, but for making it.
var withoutFilters = []string{fmt.Sprintf(nothingKept, "text_signatures"), fmt.Sprintf(nothingKept, "field_signatures"), "DROP INDEX logs_id"}

// indexings are ways to find logs by words, and what they do to the schema.
var indexings = []struct {
	name   string
	schema []string
	size   string // bytes of what the logs are found by
}{
	{"filters", nil, "pg_total_relation_size('text_signatures') + pg_total_relation_size('field_signatures') + (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('logs_id'))"},
	{"no-filters", withoutFilters, "0"},
	{"no-counts", []string{fmt.Sprintf(nothingKept, "log_counts")}, "0"},
	{"btree-id", []string{"DROP INDEX logs_id", "CREATE INDEX logs_id ON logs (id)"}, "(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('logs_id'))"},
	{"trigrams", append(withoutFilters, "CREATE EXTENSION pg_trgm", "CREATE INDEX words ON logs USING gin (message gin_trgm_ops)"), "(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('words'))"},
	{"attributes", append(withoutFilters, "CREATE INDEX words ON logs USING gin (attributes jsonb_path_ops)"), "(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('words'))"},
}

// BenchmarkIndexes measures what it costs to store logs so that they are found by
// words: with the filters that there are, without, and with indexes of
// PostgreSQL in their place. They take turns, since machines drift; told are
// the logs a second of each, and the bytes a log. Of what the filters cost,
// making them is in all of these, and told by BenchmarkSign.
func BenchmarkIndexes(b *testing.B) {
	const chunk = 20 // batches at a turn
	batches := syntheticBatches(10 * chunk)
	stores := make([]*postgres.Store, len(indexings))
	conns := make([]*pgx.Conn, len(indexings))
	for i, way := range indexings {
		at := newURL(b)
		stores[i] = open(b, at).Store()
		conns[i] = connect(b, at)
		for _, statement := range way.schema {
			exec(b, conns[i], statement)
		}
	}
	spent := make([]time.Duration, len(indexings))
	stored := 0
	for b.Loop() {
		for i, store := range stores {
			began := time.Now()
			for n := range chunk {
				next := batch("bench", uint64(stored+n*benchBatch+1), batches[(stored/benchBatch+n)%len(batches)]...)
				if _, err := store.Store(b.Context(), next); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += time.Since(began)
		}
		stored += chunk * benchBatch
	}
	b.ReportMetric(0, "ns/op")
	for i, way := range indexings {
		var bytes float64
		if err := conns[i].QueryRow(b.Context(), "SELECT ("+way.size+")::float8").Scan(&bytes); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(stored)/spent[i].Seconds(), way.name+"-logs/s")
		if bytes > 0 {
			b.ReportMetric(bytes/float64(stored), way.name+"-B/log")
		}
	}
}

// BenchmarkSign measures making filters and counts, in time for each log, beside
// all of the encoding.
func BenchmarkSign(b *testing.B) {
	logs := syntheticBatches(1)[0]
	for _, part := range []struct {
		name string
		make func([]app.Log)
	}{{"filters", postgres.Sign}, {"counts", postgres.Count}, {"all", func(logs []app.Log) { postgres.CopyStream(1, logs) }}} {
		b.Run(part.name, func(b *testing.B) {
			for b.Loop() {
				part.make(logs)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(logs)), "ns/log")
		})
	}
}

func syntheticBatches(n int) [][]app.Log {
	generator := synthetic.New(1)
	batches := make([][]app.Log, n)
	for i := range batches {
		batches[i] = make([]app.Log, benchBatch)
		for j := range batches[i] {
			at := now.Add(time.Duration(i*benchBatch+j) * time.Millisecond)
			batches[i][j] = generator.Next(at)
			batches[i][j].ReceivedAt = at
		}
	}
	return batches
}
