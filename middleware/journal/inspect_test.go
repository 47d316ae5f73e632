package journal_test

import (
	"strings"
	"testing"
	"time"

	"millrace/middleware/journal"
)

func TestInspectTellsWhatIsThereWithoutTouchingIt(t *testing.T) {
	cfg := small(tempDir(t))
	j := open(t, cfg)
	appendAll(t, j, "one", "two", "three")
	sequence := j.Stats().Sequence
	if err := j.Seal(journal.Seal{Sequence: sequence, First: 1, Count: 2, At: time.Unix(5, 0)}); err != nil {
		t.Fatal(err)
	}
	j.Ack(sequence, 1)
	appendAll(t, j, "four") // with which the acknowledgement is written
	var seen []string
	report, err := journal.Inspect(cfg.Dir, func(r journal.Record, acked bool) error {
		if acked != (r.First == 1) || r.Sequence != sequence {
			t.Errorf("%+v, %v", r, acked)
		}
		seen = append(seen, string(r.Body))
		return nil
	})
	if err != nil || strings.Join(seen, " ") != "one two three four" {
		t.Fatalf("%q, %v", seen, err)
	}
	if report.Units != 3 || report.Acked != sequence+"-1" || len(report.Seals) != 1 || report.Seals[0].Count != 2 || len(report.Generations) != 1 {
		t.Errorf("%+v", report)
	}
	if g := report.Generations[0]; !g.Current || g.First != 1 || g.Last != 4 || g.Records != 4 || len(g.Damage) > 0 {
		t.Errorf("%+v", g)
	}
	appendAll(t, j, "five")
}

func TestInspectTellsOfDamage(t *testing.T) {
	cfg := small(tempDir(t))
	file, _ := written(t, cfg, "one", "two", "three")
	dir := copied(t, cfg.Dir, file, func(b []byte) []byte {
		b[strings.Index(string(b), "two")] ^= 1
		return b
	})
	report, err := journal.Inspect(dir, nil)
	if err != nil || len(report.Generations) != 1 || !strings.Contains(strings.Join(report.Generations[0].Damage, " "), "units 2 to 2 cannot be read") {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := journal.Inspect(tempDir(t), nil); err == nil {
		t.Error("an empty folder is a journal")
	}
}
