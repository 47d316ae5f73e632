package main

import (
	"context"
	"fmt"
	"time"
)

// act carries out a step and returns when it is over.
func (s *site) act(ctx context.Context, st step, d *diary) {
	began := time.Since(d.began).Seconds()
	outcome := string(st.Fault)
	var err error
	if p := s.routes[st.Target]; p != nil {
		outcome += s.disturb(ctx, p, st)
	} else {
		outcome, err = s.strike(ctx, st, outcome)
	}
	if err != nil {
		outcome += ": " + err.Error()
	}
	d.note(event{At: began, Target: st.Target, What: outcome})
}

// others are the steps that are neither to every process nor to a route.
func (s *site) others() []card {
	cards := []card{{group, rebalance}}
	if s.disk != "" {
		cards = append(cards, card{diskOwner, fill})
	}
	return cards
}

// strike does something to a process.
func (s *site) strike(ctx context.Context, st step, outcome string) (string, error) {
	k := s.keepers[st.Target]
	switch st.Fault {
	case kill:
		return outcome, k.kill(ctx, st.For)
	case stop:
		code, err := k.stop(ctx, st.For)
		return fmt.Sprintf("%s, ended with %d", outcome, code), err
	case freeze:
		k.freeze(ctx, st.For)
		return outcome, nil
	case fill:
		empty, err := s.fill()
		if err != nil {
			return outcome, err
		}
		wait(ctx, st.For)
		return outcome, empty()
	case rebalance:
		had, err := s.rebalance(ctx, st.For)
		return fmt.Sprintf("%s, the stranger had %d partitions", outcome, had), err
	default:
		return outcome, fmt.Errorf("nobody knows how to do this to a process")
	}
}

// disturb does something to the network between two.
func (s *site) disturb(ctx context.Context, p *proxy, st step) (more string) {
	defer p.heal()
	switch st.Fault {
	case slow:
		p.slow(time.Duration(st.Amount) * time.Millisecond)
		more = fmt.Sprintf(" by %d ms", st.Amount)
	case hold:
		p.hold()
	case refuse:
		p.refuse()
		more = fmt.Sprintf(", %d connections cut", p.cut())
	case cut:
		return fmt.Sprintf(", %d connections", p.cut())
	case cutAfter:
		p.cutAfter(st.Amount)
		more = fmt.Sprintf(" %d bytes", st.Amount)
	case endAnswers:
		more = fmt.Sprintf(", %d connections", p.endAnswers())
	case endRequests:
		more = fmt.Sprintf(", %d connections", p.endRequests())
	}
	wait(ctx, st.For)
	return more
}
