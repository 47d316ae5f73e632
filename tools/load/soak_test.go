package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestJudgeGrowth(t *testing.T) {
	series := func(n int, at func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = at(i)
		}
		return out
	}
	for name, tc := range map[string]struct {
		series []float64
		leaks  bool
	}{
		"steady":                {series(100, func(int) float64 { return 150 }), false},
		"a saw":                 {series(100, func(i int) float64 { return 100 + float64(i%10)*20 }), false},
		"warming up":            {series(100, func(i int) float64 { return min(float64(i)*20, 400) }), false},
		"a leak":                {series(100, func(i int) float64 { return 100 + float64(i) }), true},
		"a leak under a saw":    {series(100, func(i int) float64 { return 100 + float64(i) + float64(i%10)*30 }), true},
		"a little growth":       {series(100, func(i int) float64 { return 100 + float64(i)/10 }), false},
		"growth within a fifth": {series(100, func(i int) float64 { return 1000 + float64(i) }), false},
		"one step":              {series(100, func(i int) float64 { return 100 + float64(i/80)*200 }), false},
	} {
		g, enough := judgeGrowth(tc.series, 20)
		if !enough || g.leaks != tc.leaks {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if _, enough := judgeGrowth(make([]float64, 11), 20); enough {
		t.Error("eleven samples are enough")
	}
}

// A role whose goroutines grow at each look fails a soak; one that cannot be
// reached is named.
func TestWatchReports(t *testing.T) {
	var looks atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE go_goroutines gauge\ngo_goroutines %d\n", 100+10*looks.Add(1))
	}))
	defer server.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	cfg, err := parse([]string{"-roles", server.URL + "," + closed.URL, "-time", "1s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	w := newWatch(cfg, &http.Client{Timeout: time.Second})
	for range 20 {
		for _, role := range w.roles {
			w.sample(t.Context(), role)
		}
	}
	out, leaks := w.report()
	if leaks != 1 {
		t.Errorf("%d leaks", leaks)
	}
	for _, want := range []string{"GROWS", "not always watched"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}
