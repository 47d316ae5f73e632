package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"
)

// inspect looks for every log, and holds the ledger against them.
func (s *site) inspect(ctx context.Context, requests []request, d *diary, result *report) error {
	conn, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	logs := 0
	if last := len(requests) - 1; last >= 0 {
		logs = requests[last].First + requests[last].Count
	}
	seen := newSheet(logs)
	if err := readLogs(ctx, conn, seen.found); err != nil {
		return err
	}
	if err := eachRecord(s.all.Kafka.Brokers, "logs.poison", func(r *sarama.ConsumerMessage) {
		texts, _ := messages(r.Value) // what is no batch holds none of our logs
		for _, text := range texts {
			seen.poisoned(text)
		}
	}); err != nil {
		return err
	}
	apart, err := readQuarantine(ctx, conn, seen.setAside)
	if err != nil {
		return err
	}
	found, missing := compare(requests, seen)
	if len(missing) > 0 {
		inKafka, err := s.inKafka()
		if err != nil {
			return err
		}
		found.Losses = tell(missing, requests, d, inKafka)
	}
	for _, strange := range seen.strange {
		found.Losses = append(found.Losses, "stored, but sent by nobody: "+strange)
	}
	ledger, rows, err := readLedger(ctx, conn)
	if err != nil {
		return err
	}
	found.Ledger = checkLedger(ledger, rows, apart)
	result.Findings = found
	result.Failures = append(result.Failures, found.failures()...)
	if err := s.asksGateway(ctx); err != nil {
		result.Failures = append(result.Failures, err.Error())
	}
	var failure string
	if result.Verify, failure = s.verify(ctx); failure != "" {
		result.Failures = append(result.Failures, failure)
	}
	return nil
}

// readLogs hands out the message of every stored log.
func readLogs(ctx context.Context, conn *pgx.Conn, found func(string)) error {
	rows, err := conn.Query(ctx, "SELECT message FROM logs")
	if err != nil {
		return err
	}
	var message string
	_, err = pgx.ForEachRow(rows, []any{&message}, func() error { found(message); return nil })
	return err
}

// readQuarantine hands out the message of every log in the quarantine that was
// not replayed: those are stored. It returns how many were taken out of a batch
// that was stored.
func readQuarantine(ctx context.Context, conn *pgx.Conn, aside func(string)) (apart int64, err error) {
	rows, err := conn.Query(ctx, "SELECT payload, CASE WHEN batch IS NULL THEN 0 ELSE count END, state = 'replayed' FROM quarantine")
	if err != nil {
		return 0, err
	}
	var payload []byte
	var of int64
	var replayed bool
	_, err = pgx.ForEachRow(rows, []any{&payload, &of, &replayed}, func() error {
		if apart += of; replayed {
			return nil
		}
		texts, _ := messages(payload) // what is no batch holds none of our logs
		for _, text := range texts {
			aside(text)
		}
		return nil
	})
	return apart, err
}

// readLedger returns the ledger with the quarantine, and how many logs there are of each batch.
func readLedger(ctx context.Context, conn *pgx.Conn) ([]entry, map[int64]int64, error) {
	rows, err := conn.Query(ctx, `
		SELECT number, shipper, first_seq AS first, count, another, false AS aside FROM ledger
		UNION ALL SELECT 0, shipper, first_seq, count, another, true FROM quarantine
		ORDER BY shipper, first, aside`)
	if err != nil {
		return nil, nil, err
	}
	ledger, err := pgx.CollectRows(rows, pgx.RowToStructByName[entry])
	if err != nil {
		return nil, nil, err
	}
	if rows, err = conn.Query(ctx, "SELECT id >> 24, count(*) FROM logs GROUP BY 1"); err != nil {
		return nil, nil, err
	}
	counts := map[int64]int64{}
	var number, count int64
	_, err = pgx.ForEachRow(rows, []any{&number, &count}, func() error { counts[number] = count; return nil })
	return ledger, counts, err
}

// inKafka returns which logs lie on the topic.
func (s *site) inKafka() (func(int) bool, error) {
	there := map[int]bool{}
	err := eachRecord(s.all.Kafka.Brokers, "logs", func(r *sarama.ConsumerMessage) {
		texts, _ := messages(r.Value) // what is no batch holds none of our logs
		for _, text := range texts {
			n, _ := number(text)
			there[n] = true
		}
	})
	return func(n int) bool { return there[n] }, err
}

// asksGateway asks for the newest logs, as anyone would now.
func (s *site) asksGateway(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.roles["gateway"]+"/api/query/recent?limit=5", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the gateway does not answer when all is over: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers %s when all is over", response.Status)
	}
	return nil
}

// verify lets Millrace verify itself. Nothing is on its way any more.
func (s *site) verify(ctx context.Context) (said, failure string) {
	cmd := exec.CommandContext(ctx, s.binary, "verify", "--gateway-url", "http://"+s.roles["gateway"], "--settle", "0s")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Sprintf("millrace verify: %v: %s", err, out)
	}
	return strings.TrimSpace(string(out)), ""
}
