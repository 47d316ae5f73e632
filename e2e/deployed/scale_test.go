package deployed

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"

	"millrace/e2e/harness"
	"millrace/e2e/servers"
)

// fleet is many roles on one Kafka, one database and one Redis.
type fleet struct {
	t   *testing.T
	db  string
	env []string

	mu       sync.Mutex
	shippers map[string]string // guarded by mu: the addresses of those that run, by name
}

// member is one process of a fleet.
type member struct {
	*servers.Process
	name, role, addr string
}

const (
	fleetGroup   = "fleet"
	fleetService = "fleet-test"
)

func newFleet(t *testing.T) *fleet {
	t.Helper()
	db, err := all.Database(t.Context(), "fleet")
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{t: t, db: db, shippers: map[string]string{}, env: []string{
		"MILLRACE_KAFKA_BROKERS=" + strings.Join(all.Kafka.Brokers, ","), "MILLRACE_KAFKA_GROUP=" + fleetGroup,
		"MILLRACE_POSTGRES_URL=" + db, "MILLRACE_REDIS_ADDR=" + all.Redis.Addr, "MILLRACE_BATCHING_MAX_DELAY=300ms",
	}}
}

// member returns a role that is not started yet, with an address and a data
// folder of its own.
func (f *fleet) member(role string, n int) *member {
	f.t.Helper()
	addr, err := harness.FreeAddr()
	if err != nil {
		f.t.Fatal(err)
	}
	env := slices.Concat(f.env, []string{
		fmt.Sprintf("MILLRACE_%s_ADDR=%s", strings.ToUpper(role), addr), "MILLRACE_DATA_DIR=" + f.t.TempDir(),
	})
	m := &member{name: fmt.Sprintf("%s %d", role, n), role: role, addr: addr}
	m.Process = harness.Role(binary, f.t.TempDir(), addr, env, role)
	f.t.Cleanup(func() {
		m.Kill()
		if f.t.Failed() {
			f.t.Logf("output of %s:\n%s", m.name, m.Output())
		}
	})
	return m
}

func (f *fleet) start(m *member) {
	f.t.Helper()
	// One that finds Kafka busy with its members may end, and is started again,
	// as every orchestrator does.
	for tries := 1; ; tries++ {
		err := m.Start(f.t.Context())
		if err == nil {
			break
		}
		if tries == 3 {
			f.t.Fatal(err)
		}
	}
	if m.role == "shipper" {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.shippers[m.name] = m.addr
	}
}

// leave takes a shipper from those that clients send to, as a balancer does
// that finds it gone.
func (f *fleet) leave(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.shippers, m.name)
}

func (f *fleet) anyShipper() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	addrs := slices.Collect(maps.Values(f.shippers))
	return addrs[rand.IntN(len(addrs))]
}

// senders send numbered logs, each number once, until they are stopped.
type senders struct {
	fleet    *fleet
	next     atomic.Int64 // requests begun
	accepted atomic.Int64 // logs

	mu      sync.Mutex
	outcome map[int64]bool // guarded by mu: of each request, whether it was accepted; none when nobody knows
}

// requestLogs is the logs of one request; request k has those from k*requestLogs.
const requestLogs = 20

func (s *senders) run(ctx context.Context) {
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			// Members come and go here; how fast they are is measured elsewhere.
			pace := time.NewTicker(80 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				s.send(client)
				select {
				case <-pace.C:
				case <-ctx.Done():
				}
			}
		})
	}
	group.Wait()
}

func (s *senders) send(client *http.Client) {
	k := s.next.Add(1) - 1
	var body strings.Builder
	for i := range int64(requestLogs) {
		fmt.Fprintf(&body, `{"service":%q,"message":"fleet","attributes":{"n":%d}}`+"\n", fleetService, k*requestLogs+i)
	}
	response, err := client.Post("http://"+s.fleet.anyShipper()+"/api/logs", "application/x-ndjson", strings.NewReader(body.String()))
	if err != nil {
		return // killed in the midst of it: it may be stored, once
	}
	defer response.Body.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcome[k] = response.StatusCode == http.StatusAccepted
	if s.outcome[k] {
		s.accepted.Add(requestLogs)
	}
}

// Members of every role come, go in order and are killed, under load. Nothing
// that was accepted is lost, nothing is there twice, every partition is
// consumed, and both gateways show the same.
func TestMembersComeAndGoUnderLoad(t *testing.T) {
	f := newFleet(t)
	var shippers, consumers, gateways []*member
	for n := range 3 {
		shippers, consumers = append(shippers, f.member("shipper", n)), append(consumers, f.member("consumer", n))
	}
	for n := range 2 {
		gateways = append(gateways, f.member("gateway", n))
	}
	for _, m := range []*member{shippers[0], consumers[0], gateways[0]} {
		f.start(m)
	}
	load := &senders{fleet: f, outcome: map[int64]bool{}}
	sending, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { load.run(sending) })
	defer group.Wait()
	defer stop()
	// Each change happens under load, and the load goes on after it.
	under := func(change func()) {
		t.Helper()
		change()
		before := load.accepted.Load()
		eventually(t, "more is accepted", func() bool { return load.accepted.Load() > before+1000 })
	}

	under(func() { f.start(shippers[1]); f.start(consumers[1]) })
	under(func() { f.start(shippers[2]); f.start(consumers[2]); f.start(gateways[1]) })
	under(func() { consumers[0].Kill() })
	under(func() { f.leave(shippers[0]); shippers[0].Kill() })
	under(func() { gateways[0].Kill(); f.start(gateways[0]) })
	under(func() { f.start(consumers[0]); f.start(shippers[0]) })
	under(func() { f.leave(shippers[1]); shippers[1].Stop(); consumers[1].Stop() })
	for _, m := range []*member{shippers[1], consumers[1]} {
		if code := m.ExitCode(); code != 0 {
			t.Errorf("%s ended with %d", m.name, code)
		}
	}
	under(func() { f.start(consumers[1]); f.start(shippers[1]) })
	stop()
	group.Wait()

	f.expectEachOnce(load)
	f.expectAllConsumed()
	for _, g := range gateways {
		out, err := command(t, []string{"MILLRACE_GATEWAY_URL=http://" + g.addr}, binary, "verify", "--settle=0s")
		if err != nil || !strings.Contains(out, "whole:") {
			t.Errorf("%s: %v\n%s", g.name, err, out)
		}
	}
	expectSameAnswers(t, gateways)
}

// expectEachOnce compares what was answered with what is stored.
func (f *fleet) expectEachOnce(load *senders) {
	f.t.Helper()
	conn, err := pgx.Connect(f.t.Context(), f.db)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	stored := map[int64]int{}
	eventually(f.t, "every accepted log is stored", func() bool {
		clear(stored)
		rows, err := conn.Query(f.t.Context(), "SELECT (attributes->>'n')::bigint FROM logs WHERE service = $1", fleetService)
		if err != nil {
			f.t.Fatal(err)
		}
		numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			f.t.Fatal(err)
		}
		for _, n := range numbers {
			stored[n]++
		}
		for k, accepted := range load.outcome {
			for n := k * requestLogs; accepted && n < (k+1)*requestLogs; n++ {
				if stored[n] == 0 {
					return false
				}
			}
		}
		return true
	})
	for n, times := range stored {
		accepted, known := load.outcome[n/requestLogs]
		if times > 1 || known && !accepted {
			f.t.Errorf("log %d is there %d times; its request was accepted: %t", n, times, accepted)
		}
	}
	f.t.Logf("%d logs were accepted and are stored, each once; of %d requests nobody knew", load.accepted.Load(), load.next.Load()-int64(len(load.outcome)))
}

// expectAllConsumed waits until the group has read every partition to its end,
// and each of them has given batches to the ledger.
func (f *fleet) expectAllConsumed() {
	f.t.Helper()
	client, err := sarama.NewClient(all.Kafka.Brokers, sarama.NewConfig())
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		f.t.Fatal(err)
	}
	partitions, err := client.Partitions("logs")
	if err != nil {
		f.t.Fatal(err)
	}
	eventually(f.t, "the group has no lag", func() bool {
		offsets, err := admin.ListConsumerGroupOffsets(fleetGroup, map[string][]int32{"logs": partitions})
		if err != nil {
			f.t.Fatal(err)
		}
		for _, p := range partitions {
			end, err := client.GetOffset("logs", p, sarama.OffsetNewest)
			if err != nil {
				f.t.Fatal(err)
			}
			if block := offsets.GetBlock("logs", p); block == nil || block.Offset < end {
				return false
			}
		}
		return true
	})
	conn, err := pgx.Connect(f.t.Context(), f.db)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var consumed int
	if err := conn.QueryRow(f.t.Context(), "SELECT count(DISTINCT kafka_partition) FROM ledger").Scan(&consumed); err != nil {
		f.t.Fatal(err)
	}
	if consumed != len(partitions) {
		f.t.Errorf("batches of %d partitions are stored; there are %d", consumed, len(partitions))
	}
}

// expectSameAnswers compares the newest logs, which come from Redis, with those
// that PostgreSQL has, at each gateway.
func expectSameAnswers(t *testing.T, gateways []*member) {
	t.Helper()
	var want string
	for _, g := range gateways {
		_, page := get(t, "http://"+g.addr+"/api/logs?limit=50")
		page, _, _ = strings.Cut(strings.TrimPrefix(page, `{"logs":`), `,"next":`)
		_, recent := get(t, "http://"+g.addr+"/api/query/recent?limit=50")
		recent = strings.TrimSpace(recent)
		if want == "" {
			want = recent
		}
		if recent != want || page != want {
			t.Errorf("%s answers otherwise:\n%.300s\n%.300s\nwant\n%.300s", g.name, recent, page, want)
		}
	}
}
