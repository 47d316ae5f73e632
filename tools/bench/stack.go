package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"millrace/app"
	"millrace/app/postgres"
	"millrace/app/synthetic"
	"millrace/e2e/servers"
)

const (
	// fillSpan is the time over which the stored logs are spread, up to now.
	fillSpan = 24 * time.Hour
	// fillers store side by side.
	fillers = 3
	// noRedis is where none listens: a gateway that is told to use this one
	// asks PostgreSQL.
	noRedis = "127.0.0.1:1"
	// wordTimes is how often a rare word stands in all the logs.
	wordTimes = 10
)

// rareWords are in no message of package synthetic.
var rareWords = strings.Fields(`aardvark borogove cormorant dulcimer ephemeris flummoxed gossamer halcyon isinglass jabberwock
	kumquat lachrymose marzipan nasturtium obsidian palimpsest quixotic rhododendron sassafras tintinnabulum
	umbrage vellichor wainscot xylophone yesteryear zeppelin bumbershoot cattywampus defenestrate embouchure`)

// stack is Millrace on real servers.
type stack struct {
	bench    *bench
	dir      string
	postgres *servers.Postgres
	redis    *servers.Redis
	db       *postgres.DB
	at       string     // the database
	watch    *pgx.Conn  // for looking into it
	shipper  *candidate // as are the next three
	consumer *candidate
	gateway  *candidate
	bypass   *candidate // a gateway without Redis
}

// startStack starts the servers, and connects to an empty database. stop must be
// called whatever it returns.
func (b *bench) startStack(ctx context.Context, dir string) (*stack, error) {
	s := &stack{bench: b, dir: dir}
	if err := b.startKafka(ctx); err != nil {
		return s, err
	}
	if err := prepareTopic(ctx, b.kafka.Brokers, app.TopicLogs); err != nil {
		return s, err
	}
	var err error
	if s.postgres, err = servers.StartPostgres(ctx, b.dir, "shared_preload_libraries=pg_stat_statements"); err != nil {
		return s, err
	}
	if s.redis, err = servers.StartRedis(ctx, dir); err != nil {
		return s, err
	}
	if s.db, s.at, err = newDatabase(ctx, s.postgres.URL, "query"); err != nil {
		return s, err
	}
	if s.watch, err = pgx.Connect(ctx, s.at); err != nil {
		return s, err
	}
	_, err = s.watch.Exec(ctx, "CREATE EXTENSION pg_stat_statements")
	return s, err
}

// stop ends all that was started.
func (s *stack) stop() {
	for _, c := range []*candidate{s.shipper, s.consumer, s.gateway, s.bypass} {
		if c != nil {
			c.Stop()
		}
	}
	if s.watch != nil {
		_ = s.watch.Close(context.Background())
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.redis != nil {
		s.redis.Kill()
	}
	if s.postgres != nil {
		s.postgres.Kill()
	}
}

// fill stores logs in the order of their times, a thousand at once, as a
// consumer would have done over a day, and then lets PostgreSQL do what
// autovacuum does in time.
func (s *stack) fill(ctx context.Context, logs int) error {
	maintaining, end := context.WithCancel(ctx)
	var maintained sync.WaitGroup
	maintained.Go(func() { _ = s.db.Maintain(maintaining) })
	began := time.Now()
	err := s.fillBatches(ctx, logs, began.Add(-fillSpan))
	end()
	maintained.Wait()
	if err != nil {
		return err
	}
	took := time.Since(began)
	if _, err := s.watch.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return err
	}
	fmt.Printf("query: %d logs stored in %s, %.0f a second; VACUUM ANALYZE took %s\n",
		logs, took.Round(time.Second), float64(logs)/took.Seconds(), (time.Since(began) - took).Round(time.Second))
	return nil
}

func (s *stack) fillBatches(ctx context.Context, logs int, from time.Time) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	store, step := s.db.Store(), fillSpan/time.Duration(logs)
	for g := range fillers {
		group.Go(func() {
			generator := synthetic.New(uint64(g))
			batch := make([]app.Log, batchLogs)
			for ctx.Err() == nil {
				first := int(next.Add(batchLogs)) - batchLogs
				if first >= logs {
					return
				}
				for i := range batch {
					batch[i] = generator.Next(from.Add(time.Duration(first+i) * step))
					batch[i].ReceivedAt = batch[i].Time
					batch[i].Message = withRareWord(batch[i].Message, first+i, logs)
				}
				head := app.BatchHead{Shipper: "fill", First: uint64(first + 1), Count: batchLogs}
				if _, err := store.Store(ctx, app.Batch{BatchHead: head, Logs: sequence(batch)}); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

func sequence(logs []app.Log) app.LogSeq {
	return func(yield func(*app.Log, error) bool) {
		for i := range logs {
			if !yield(&logs[i], nil) {
				return
			}
		}
	}
}

// withRareWord gives few logs, evenly spread, one of the rare words in turn.
func withRareWord(message string, n, logs int) string {
	every := max(1, logs/(wordTimes*len(rareWords)))
	if n%every != every/2 {
		return message
	}
	return message + " near the " + rareWords[n/every%len(rareWords)]
}

// startRoles starts the shipper, the consumer, and a gateway with and one
// without Redis.
func (s *stack) startRoles(ctx context.Context) error {
	var err error
	if s.shipper, err = s.bench.startShipper(ctx, s.dir, durable, "--batching-max-delay=1s"); err != nil {
		return err
	}
	if s.consumer, err = s.startRole(ctx, "consumer", "consumer", s.redis.Addr); err != nil {
		return err
	}
	if s.gateway, err = s.startRole(ctx, "gateway", "gateway", s.redis.Addr); err != nil {
		return err
	}
	s.bypass, err = s.startRole(ctx, "gateway", "gateway-without-redis", noRedis)
	return err
}

// startRole starts a role that has PostgreSQL.
func (s *stack) startRole(ctx context.Context, role, name, redis string) (*candidate, error) {
	c, err := newCandidate(name, app.TopicLogs)
	if err != nil {
		return nil, err
	}
	args := []string{
		role, "--" + role + "-addr=" + c.address, "--data-dir=" + filepath.Join(s.dir, name),
		"--kafka-brokers=" + strings.Join(s.bench.kafka.Brokers, ","), "--postgres-url=" + s.at, "--redis-addr=" + redis, "--log-level=warn",
	}
	healthy := c.isHealthy
	if redis == noRedis {
		healthy = c.answers // it does not call itself healthy
	}
	c.Process, err = servers.Run(ctx, c.name, filepath.Join(s.dir, name+".log"),
		func() *exec.Cmd { return exec.Command(s.bench.millrace, args...) }, healthy)
	return c, err
}

// tellSizes tells what a log takes in PostgreSQL, and what of it searches are
// for.
func (s *stack) tellSizes(ctx context.Context, r *report) error {
	const sizes = `SELECT (SELECT sum(stored) FROM ledger)::float8,
		(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('logs'))::float8,
		(SELECT sum(pg_indexes_size(relid)) FROM pg_partition_tree('logs'))::float8,
		(SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree('logs_id'))::float8,
		pg_total_relation_size('text_signatures')::float8, pg_total_relation_size('field_signatures')::float8, pg_total_relation_size('log_counts')::float8,
		pg_total_relation_size('ledger')::float8`
	var logs, rows, indexes, brin, texts, fields, counts, ledger float64
	if err := s.watch.QueryRow(ctx, sizes).Scan(&logs, &rows, &indexes, &brin, &texts, &fields, &counts, &ledger); err != nil {
		return err
	}
	fmt.Printf("query: bytes a log in PostgreSQL: rows %.1f, indexes %.1f (of these BRIN on id %.2f), filters of texts %.2f and of fields %.2f, counts %.2f, ledger %.2f\n",
		rows/logs, indexes/logs, brin/logs, texts/logs, fields/logs, counts/logs, ledger/logs)
	r.addFigure("bytes a log in PostgreSQL, all of it", "bytes", (rows+indexes+texts+fields+counts+ledger)/logs)
	r.addFigure("bytes a log for searches by words and fields", "bytes", (texts+fields+brin)/logs)
	r.addFigure("bytes a log for counts", "bytes", counts/logs)
	return nil
}

// storedLogs returns how many logs the ledger has.
func (s *stack) storedLogs(ctx context.Context) (logs int64, err error) {
	err = s.watch.QueryRow(ctx, "SELECT coalesce(sum(stored), 0) FROM ledger").Scan(&logs)
	return logs, err
}
