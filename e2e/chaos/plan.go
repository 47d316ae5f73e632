package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// fault is something that can be done to a target.
type fault string

// To processes.
const (
	kill   fault = "kill -9" // and started again after the step's time
	stop   fault = "SIGTERM" // likewise
	freeze fault = "freeze"  // SIGSTOP, and SIGCONT after the step's time
)

// To the network between two.
const (
	slow        fault = "slow"         // bytes are late
	hold        fault = "hold"         // bytes do not pass, nobody is told
	refuse      fault = "refuse"       // connections are cut, new ones end at once
	cut         fault = "cut"          // connections are reset, once
	cutAfter    fault = "cut within"   // they are reset in the middle of what is sent
	endAnswers  fault = "end answers"  // half-closed towards the client: the server still hears it
	endRequests fault = "end requests" // half-closed towards the server
)

// fill leaves no room on a disk.
const fill fault = "fill"

// rebalance lets a stranger into the consumer group.
const rebalance fault = "rebalance"

// step is one fault: what is done to whom, when, and for how long.
type step struct {
	At     time.Duration `json:"at"` // since the beginning
	For    time.Duration `json:"for"`
	Target string        `json:"target"`
	Fault  fault         `json:"fault"`
	Amount int           `json:"amount,omitempty"` // of slow, in ms; of cut within, in bytes
}

func (s step) String() string {
	return fmt.Sprintf("%6.1fs  %-12s %-22s for %.1fs", s.At.Seconds(), s.Fault, s.Target, s.For.Seconds())
}

// card is a kind of step.
type card struct {
	target string
	fault  fault
}

const (
	meanGap     = 2200 * time.Millisecond
	firstStep   = 3 * time.Second
	recovery    = 5 * time.Second // what a target is given before it is hit again
	atOnce      = 3               // faults at the same time at the most
	longestStep = 16 * time.Second
	joinTime    = 6 * time.Second // until a group has taken a member in: two heartbeats
)

// newPlan returns the steps for a time. The same seed gives the same steps.
// Each kind of step comes once before any comes again, to the processes, and
// what others there is, as to the routes.
func newPlan(seed uint64, lasts time.Duration, processes, roles, routes []string, others []card) []step {
	random := rand.New(rand.NewPCG(seed, 1))
	bodies, wires := slices.Clone(others), []card(nil)
	for _, name := range processes {
		bodies = append(bodies, card{name, kill}, card{name, freeze})
	}
	for _, name := range roles {
		bodies = append(bodies, card{name, stop})
	}
	for _, name := range routes {
		for _, f := range []fault{slow, hold, refuse, cut, cutAfter, endAnswers, endRequests} {
			wires = append(wires, card{name, f})
		}
	}
	decks := [][]card{bodies, wires}
	next := make([][]card, len(decks))
	var plan []step
	at := firstStep
	for {
		at += time.Duration(random.ExpFloat64() * float64(meanGap))
		deck := random.IntN(len(decks))
		if len(next[deck]) == 0 {
			next[deck] = slices.Clone(decks[deck])
			random.Shuffle(len(next[deck]), func(i, j int) { d := next[deck]; d[i], d[j] = d[j], d[i] })
		}
		s := step{Target: next[deck][0].target, Fault: next[deck][0].fault, For: howLong(random), Amount: random.IntN(400) + 20}
		if s.Fault == cutAfter {
			s.Amount = random.IntN(60_000) + 1
		}
		if s.Fault == rebalance {
			s.For += joinTime
		}
		next[deck] = next[deck][1:]
		s.At = freeFrom(plan, s.Target, at)
		at = s.At
		if s.At+s.For > lasts {
			return plan
		}
		plan = append(plan, s)
	}
}

// howLong returns mostly a few seconds, at times longer than a consumer group
// waits for a member (10 s).
func howLong(random *rand.Rand) time.Duration {
	if random.IntN(8) == 0 {
		return 11*time.Second + time.Duration(random.Int64N(int64(longestStep-11*time.Second)))
	}
	return 200*time.Millisecond + time.Duration(random.Int64N(int64(4*time.Second)))
}

// freeFrom returns the first moment, from one on, at which the target has
// recovered from what was done to it before and not too much is broken.
func freeFrom(plan []step, target string, at time.Duration) time.Duration {
	for {
		busy, ends := 0, time.Duration(1<<62)
		for _, s := range plan {
			over := s.At + s.For
			if s.Target == target {
				at = max(at, over+recovery)
			}
		}
		for _, s := range plan {
			if over := s.At + s.For; over > at {
				busy++
				ends = min(ends, over)
			}
		}
		if busy < atOnce {
			return at
		}
		at = ends
	}
}
