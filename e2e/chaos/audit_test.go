package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Twelve logs, four each of a request that was acknowledged, refused and not
// answered.
func requests() []request {
	return []request{
		{First: 0, Count: 4, Outcome: acked, Shipper: "shipper-1"},
		{First: 4, Count: 4, Outcome: refused},
		{First: 8, Count: 4, Outcome: unknown},
	}
}

func TestTheAuditSeesWhatIsWrong(t *testing.T) {
	tests := map[string]struct {
		stored, aside []int
		poison        []int
		missing       []int
		failures      int
	}{
		"all is there":                             {stored: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"only what was acknowledged is there":      {stored: []int{0, 1, 2, 3}},
		"one is set aside":                         {stored: []int{0, 1, 3}, aside: []int{2}},
		"one that was acknowledged is missing":     {stored: []int{0, 1, 3}, missing: []int{2}, failures: 1},
		"one that was acknowledged is there twice": {stored: []int{0, 1, 2, 3, 3}, failures: 1},
		"one that was refused is there twice":      {stored: []int{0, 1, 2, 3, 4, 4}, failures: 1},
		"one that was not answered is there twice": {stored: []int{0, 1, 2, 3, 9, 9}, failures: 1},
		"one is stored and set aside":              {stored: []int{0, 1, 2, 3}, aside: []int{2}, failures: 1},
		"one is set aside more than once":          {stored: []int{0, 1, 3}, aside: []int{2, 2}, failures: 1},
		"one is poison and in quarantine":          {stored: []int{0, 1, 3}, aside: []int{2}, poison: []int{2}},
		"one is poison and was replayed":           {stored: []int{0, 1, 2, 3}, poison: []int{3}},
		"one is poison and not in quarantine":      {stored: []int{0, 1, 2, 3}, poison: []int{4}, failures: 1},
		"one is there that nobody sent":            {stored: []int{0, 1, 2, 3, 12}, failures: 1},
		"nothing is there":                         {missing: []int{0, 1, 2, 3}, failures: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := newSheet(12)
			for _, n := range test.stored {
				seen.found(text(n, false))
			}
			for _, n := range test.aside {
				seen.setAside(text(n, false))
			}
			for _, n := range test.poison {
				seen.poisoned(text(n, false))
			}
			found, missing := compare(requests(), seen)
			if failures := found.failures(); !slices.Equal(missing, test.missing) || len(failures) != test.failures {
				t.Errorf("missing %v, failures %q", missing, failures)
			}
		})
	}
}

func TestALogThatWasChangedIsSeen(t *testing.T) {
	for n := range 1000 {
		sent := text(n, false)
		if got, whole := number(sent); got != n || !whole {
			t.Fatalf("%q is taken for %d, %v", sent, got, whole)
		}
		for _, changed := range []string{sent[:len(sent)-1], "x" + sent, strings.Replace(sent, "log ", "log 1", 1), sent[:len(sent)/2], ""} {
			if _, whole := number(changed); whole {
				t.Fatalf("%q passes for what was sent", changed)
			}
		}
	}
}

func TestWhatIsLostIsToldWithWhatHappenedThen(t *testing.T) {
	d := &diary{began: time.Now()}
	d.events = []event{{At: 1, Until: 2, Target: "Redis", What: "freeze"}, {At: 30, Until: 31, Target: "Kafka", What: "kill -9"}, {At: 70, Target: "x"}, {At: 90, Target: "y"}}
	all := requests()
	all[0].Answered = d.began.Add(32 * time.Second)
	told := tell([]int{1, 2}, all, d, func(int) bool { return true })
	if len(told) != 1 {
		t.Fatalf("%q", told)
	}
	for _, want := range []string{"log 1", "with 1 more of 4", "shipper-1", "lies in Kafka", "nearest: [Kafka kill -9"} {
		if !strings.Contains(told[0], want) {
			t.Errorf("%q is not in %q", want, told[0])
		}
	}
}

func TestTheLedgerIsHeldAgainstTheLogs(t *testing.T) {
	batch := func(number int64, shipper string, first, count int64) entry {
		return entry{Number: number, Shipper: shipper, First: first, Count: count}
	}
	another := func(number, first, count int64) entry {
		return entry{Number: number, Shipper: "t.0", First: first, Count: count, Another: true}
	}
	aside := func(first, count int64) entry { return entry{Shipper: "a", First: first, Count: count, Aside: true} }
	tests := map[string]struct {
		ledger []entry
		rows   map[int64]int64
		apart  int64
		gaps   int
		wrong  int
	}{
		"whole":                        {[]entry{batch(1, "a", 1, 5), batch(2, "a", 6, 5), batch(3, "b", 1, 1)}, map[int64]int64{1: 5, 2: 5, 3: 1}, 0, 0, 0},
		"a gap":                        {[]entry{batch(1, "a", 1, 5), batch(2, "a", 7, 5)}, map[int64]int64{1: 5, 2: 5}, 0, 1, 1},
		"a gap that is set aside":      {[]entry{batch(1, "a", 1, 5), aside(6, 1), batch(2, "a", 7, 5)}, map[int64]int64{1: 5, 2: 5}, 0, 0, 0},
		"half a gap that is set aside": {[]entry{batch(1, "a", 1, 5), aside(6, 1), batch(2, "a", 8, 5)}, map[int64]int64{1: 5, 2: 5}, 0, 1, 1},
		"nothing but what is aside":    {[]entry{aside(1, 1), aside(2, 4)}, nil, 0, 0, 0},
		"one of a batch is set aside":  {[]entry{batch(1, "a", 1, 5), aside(3, 1), batch(2, "a", 6, 5)}, map[int64]int64{1: 4, 2: 5}, 1, 0, 0},
		"no beginning":                 {[]entry{batch(1, "a", 3, 5)}, map[int64]int64{1: 5}, 0, 1, 1},
		"another producer's":           {[]entry{another(1, 3, 5), another(2, 9, 5)}, map[int64]int64{1: 5, 2: 5}, 0, 0, 0},
		"numbers twice":                {[]entry{batch(1, "a", 1, 5), batch(2, "a", 4, 5)}, map[int64]int64{1: 5, 2: 5}, 0, 0, 1},
		"a log too few":                {[]entry{batch(1, "a", 1, 5)}, map[int64]int64{1: 4}, 0, 0, 1},
		"a log too many":               {[]entry{batch(1, "a", 1, 5)}, map[int64]int64{1: 6}, 0, 0, 1},
		"a log too many is set aside":  {[]entry{batch(1, "a", 1, 5)}, map[int64]int64{1: 5}, 1, 0, 1},
		"logs of no batch":             {nil, map[int64]int64{1: 6}, 0, 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if f := checkLedger(test.ledger, test.rows, test.apart); len(f.Gaps) != test.gaps || len(f.Wrong) != test.wrong {
				t.Errorf("%+v", f)
			}
		})
	}
}

// What every way sends is what is read from Kafka's records.
func TestTheWaysCarryEveryLog(t *testing.T) {
	texts := []string{text(0, false), text(1, false), text(2, false)}
	for _, w := range ways {
		body, err := w.body(texts)
		if err != nil || len(body) == 0 {
			t.Errorf("%s: %v", w.name, err)
		}
		if w.name != "OTLP protobuf" {
			continue
		}
		if got, err := messages(body); err != nil || !slices.Equal(got, texts) {
			t.Errorf("%s: %q, %v", w.name, got, err)
		}
	}
}
