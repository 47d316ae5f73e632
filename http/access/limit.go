package access

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"millrace/app"
)

// maxCallers is how many callers one generation of limiters remembers. Keys are
// few; addresses are as many as someone cares to use.
const maxCallers = 10_000

// limits bounds how often each caller may ask. It remembers those who asked
// lately: when a generation is full the one before is forgotten, and whoever is
// in it begins with a full burst. Safe for concurrent use.
type limits struct {
	rate  rate.Limit // requests a second
	burst int

	mu       sync.Mutex
	now, old map[string]*rate.Limiter
}

// newLimits returns nil, which allows all, for a rate of 0.
func newLimits(perSecond float64, burst int) *limits {
	if perSecond <= 0 {
		return nil
	}
	return &limits{rate: rate.Limit(perSecond), burst: burst, now: map[string]*rate.Limiter{}}
}

// take returns nil when the caller may ask now, else an error that says when.
func (l *limits) take(caller string, now time.Time) error {
	if l == nil {
		return nil
	}
	limiter := l.of(caller)
	taken := limiter.ReserveN(now, 1)
	pause := taken.DelayFrom(now)
	if pause == 0 {
		return nil
	}
	taken.CancelAt(now)
	return &app.Error{
		Kind: app.KindTooMany, RetryAfter: pause,
		Message: "too many requests: one key, or one address without a key, has a limit (setting access-rate)",
	}
}

func (l *limits) of(caller string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, known := l.now[caller]
	if known {
		return limiter
	}
	if limiter, known = l.old[caller]; !known {
		limiter = rate.NewLimiter(l.rate, l.burst)
	}
	if len(l.now) >= maxCallers {
		l.old, l.now = l.now, make(map[string]*rate.Limiter, maxCallers)
	}
	l.now[caller] = limiter
	return limiter
}

// network returns what an address counts as: an IPv6 host has a /64 of them.
func network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Unmap().Is4() {
		return ip
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return ip
	}
	return prefix.String()
}
