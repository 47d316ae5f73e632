package main

import (
	"reflect"
	"testing"
	"time"
)

func TestTheSameSeedGivesTheSamePlan(t *testing.T) {
	plan := func(seed uint64) []step {
		return newPlan(seed, 10*time.Minute, []string{"a", "b", "c"}, []string{"a"}, []string{"a > b", "b > c"}, []card{{"a", fill}, {"d", rebalance}})
	}
	if !reflect.DeepEqual(plan(1), plan(1)) {
		t.Error("the same seed gives another plan")
	}
	if reflect.DeepEqual(plan(1), plan(2)) {
		t.Error("another seed gives the same plan")
	}
}

func TestAPlanHasEverythingAndNotTooMuchAtOnce(t *testing.T) {
	const lasts = 20 * time.Minute
	plan := newPlan(5, lasts, []string{"a", "b", "c"}, []string{"a"}, []string{"a > b", "b > c"}, []card{{"a", fill}, {"d", rebalance}})
	kinds := map[card]bool{}
	for i, s := range plan {
		kinds[card{s.Target, s.Fault}] = true
		if s.At+s.For > lasts {
			t.Errorf("%v is not over in time", s)
		}
		busy := 0
		for _, other := range plan[:i] {
			over := other.At + other.For
			if over > s.At {
				busy++
			}
			if other.Target == s.Target && over+recovery > s.At {
				t.Errorf("%v comes before its target has recovered from %v", s, other)
			}
		}
		if busy >= atOnce {
			t.Errorf("%v comes while %d others last", s, busy)
		}
	}
	// Each of three: killed and frozen. One: stopped, its disk filled. Another
	// is rebalanced. Seven faults on each of two routes.
	if len(kinds) != 3*2+2+1+2*7 {
		t.Errorf("%d kinds of steps: %v", len(kinds), kinds)
	}
}
