package access

import (
	"strconv"
	"testing"
	"time"
)

func TestTheMemoryOfCallersIsBounded(t *testing.T) {
	l := newLimits(1, 1)
	now := time.Now()
	if err := l.take("first", now); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxCallers {
		_ = l.take(strconv.Itoa(i), now)
		if i%1000 == 0 && l.take("first", now) == nil {
			t.Fatal("a caller that goes on was forgotten")
		}
	}
	if len(l.now)+len(l.old) > 2*maxCallers {
		t.Errorf("%d and %d are remembered", len(l.now), len(l.old))
	}
}

func TestNetworks(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "fe80::1%eth0": "fe80::/64", "?": "?",
	} {
		if got := network(ip); got != want {
			t.Errorf("%s counts as %s", ip, got)
		}
	}
}
