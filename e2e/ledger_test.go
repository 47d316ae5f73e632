package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// verify runs millrace verify and returns its exit code and what it says.
func (p *pipeline) verify(args ...string) (code int, says string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), binary, append([]string{"verify"}, args...)...)
	cmd.Env = slices.Concat(os.Environ(), p.env)
	output, _ := cmd.CombinedOutput() // what went wrong shows in the exit code
	return cmd.ProcessState.ExitCode(), string(output)
}

func (p *pipeline) exec(sql string, args ...any) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.db)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(p.t.Context())
	if _, err := conn.Exec(p.t.Context(), sql, args...); err != nil {
		p.t.Fatal(err)
	}
}

// The ledger proves that everything is there, and names what is taken away
// behind its back.
func TestVerifyProvesThatNothingIsMissing(t *testing.T) {
	p := newPipeline(t, "MILLRACE_BATCHING_MAX_BATCH_SIZE=100")
	if code, says := p.verify(); code != 2 || !strings.Contains(says, "no gateway answers") {
		t.Errorf("without a gateway: %d, %s", code, says)
	}
	p.start("shipper")
	p.start("consumer")
	p.start("gateway")
	p.send(0, 950)
	p.expectStored(950)
	var shipper string
	p.query("SELECT l.shipper FROM logs JOIN ledger l ON number = id >> 24 WHERE service = $1 LIMIT 1", []any{p.service}, &shipper)
	only := []string{"--shipper", shipper, "--settle", "0s"}

	if code, says := p.verify(only...); code != 0 || !strings.Contains(says, "whole: 950 logs in 10 batches") {
		t.Fatalf("%d, %s", code, says)
	}
	var report struct {
		Whole    bool
		Shippers []struct{ Accepted, Stored, Pending int }
	}
	got := p.get("gateway", "/api/ledger?shipper="+shipper)
	if err := json.Unmarshal([]byte(got.body), &report); err != nil || !report.Whole || len(report.Shippers) != 1 {
		t.Fatalf("%s, %v", got.body, err)
	}
	if s := report.Shippers[0]; s.Accepted != 950 || s.Stored != 950 || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
	var life struct {
		Count, Rows                   int
		Partition, Offset             *int
		SealedAt, ShippedAt, StoredAt time.Time
		State, Trigger                string
	}
	got = p.get("gateway", "/api/batches/"+shipper+"-101")
	body := strings.NewReplacer("sealed_at", "SealedAt", "shipped_at", "ShippedAt", "stored_at", "StoredAt").Replace(got.body)
	if err := json.Unmarshal([]byte(body), &life); err != nil || life.Count != 100 || life.Rows != 100 || life.State != "stored" || life.Trigger != "size" ||
		life.Partition == nil || life.Offset == nil || life.SealedAt.IsZero() || life.ShippedAt.IsZero() || life.StoredAt.Before(life.SealedAt) {
		t.Errorf("%s, %v", got.body, err)
	}

	// Its 7th log, and then the whole of the ledger's row of another batch.
	p.exec("DELETE FROM logs WHERE id & 16777215 = 6 AND id >> 24 = (SELECT number FROM ledger WHERE shipper = $1 AND first_seq = 301)", shipper)
	if code, says := p.verify(only...); code != 1 || !strings.Contains(says, fmt.Sprintf("missing: shipper %s, 301-400: 1 log of batch %[1]s-301 (307)", shipper)) {
		t.Errorf("%d, %s", code, says)
	}
	p.exec("DELETE FROM ledger WHERE shipper = $1 AND first_seq = 501", shipper)
	if code, says := p.verify(only...); code != 1 || !strings.Contains(says, fmt.Sprintf("missing: shipper %s, 501-600: 100 logs that no batch has", shipper)) || !strings.Contains(says, "-301 (307)") {
		t.Errorf("%d, %s", code, says)
	}
	if code, says := p.verify("--json"); code != 1 || !strings.Contains(says, `"stray"`) || !strings.Contains(says, `"whole": false`) {
		t.Errorf("%d, %s", code, says)
	}
	if code, says := p.verify("--shipper", "nobody"); code != 2 || !strings.Contains(says, "knows no shipper") {
		t.Errorf("%d, %s", code, says)
	}
}
