package postgres

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"millrace/app"
)

// A history of transactions, and what a feed makes of it however late it hears:
// a snapshot that it calls fresh lacks no batch that it has heard of.
func TestCoverageIsNeverWrong(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		var (
			c               coverage
			next            = uint64(100)
			running, unsaid []uint64
			heard           []uint64
			copies          []app.Snapshot
			at              = time.Unix(0, 0)
		)
		take := func(from *[]uint64) uint64 {
			i := random.IntN(len(*from))
			x := (*from)[i]
			*from = append((*from)[:i:i], (*from)[i+1:]...)
			return x
		}
		for range 200 {
			switch random.IntN(6) {
			case 0:
				running, next = append(running, next), next+1
			case 1:
				if len(running) > 0 {
					unsaid = append(unsaid, take(&running)) // committed
				}
			case 2:
				if len(unsaid) > 0 && c.listens {
					x := take(&unsaid)
					heard = append(heard, x)
					c.stored(x, at)
				}
			case 3:
				copies = append(copies, snapshotOf(next, running))
			case 4:
				if random.IntN(20) == 0 || !c.listens {
					c.forget()
					heard = append(heard, unsaid...) // what LISTEN finds committed, nobody will tell
					unsaid = nil
					c.begin(snapshotOf(next, running), at)
				}
			case 5:
				if len(copies) == 0 {
					continue
				}
				s := copies[random.IntN(len(copies))]
				fresh := c.covers(s, at)
				for _, x := range heard {
					if fresh && c.listens && !s.Sees(x) {
						t.Fatalf("seed %d: %s is fresh without %d", seed, s, x)
					}
				}
				if now := snapshotOf(next, running); c.listens && !c.covers(now, at) {
					t.Fatalf("seed %d: %s is not fresh", seed, now)
				}
			}
		}
	}
}

func snapshotOf(next uint64, running []uint64) app.Snapshot {
	least, list := next, make([]string, len(running))
	for i, x := range running {
		least, list[i] = min(least, x), fmt.Sprint(x)
	}
	return app.Snapshot(fmt.Sprintf("%d:%d:%s", least, next, strings.Join(list, ",")))
}

func TestCoverageEndsWithSilenceAndStaysSmall(t *testing.T) {
	var c coverage
	at := time.Unix(0, 0)
	if c.covers("", at) || c.covers("9:9:", at) {
		t.Error("it knows before it listens")
	}
	c.begin("5:5:", at)
	if !c.covers("6:6:", at.Add(maxSilence)) || c.covers("6:6:", at.Add(maxSilence+1)) {
		t.Error("silence")
	}
	c.alive(at.Add(time.Minute))
	if !c.covers("6:6:", at.Add(time.Minute)) || c.covers("broken", at) || c.covers("", at) {
		t.Error("after a word")
	}
	for x := range uint64(maxPending) {
		if c.stored(10+x, at) {
			t.Fatal("too early")
		}
	}
	if !c.stored(1, at) {
		t.Error("it grows without end")
	}
	c.begin("20000:20000:", at)
	if len(c.pending) != 0 || !c.covers("20000:20000:", at) {
		t.Error("it did not begin anew")
	}
}
