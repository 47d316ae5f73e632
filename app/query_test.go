package app_test

import (
	"testing"
	"time"

	"millrace/app"
)

func TestCursorComesBackForItsOwnSearchOnly(t *testing.T) {
	q := app.Query{Filter: app.Filter{Services: []string{"checkout"}, Texts: []string{"timeout"}}, Limit: 10}
	sent := app.Cursor{Time: time.UnixMicro(1795428000123456).UTC(), ID: app.NewLogID(7, 3), Backward: true, Query: q.Hash()}
	got, err := app.ParseCursor(sent.String(), q)
	if err != nil || *got != sent {
		t.Fatalf("got %+v, %v; want %+v", got, err, sent)
	}
	q.Limit = 50 // a page of another size is the same listing
	if _, err := app.ParseCursor(sent.String(), q); err != nil {
		t.Errorf("another limit: %v", err)
	}
	q.Texts = []string{"refused"}
	if _, err := app.ParseCursor(sent.String(), q); app.KindOf(err) != app.KindInvalid {
		t.Errorf("another search: %v", err)
	}
	for _, text := range []string{"", "x", "AAAA", sent.String()[1:], sent.String() + "A"} {
		if _, err := app.ParseCursor(text, q); app.KindOf(err) != app.KindInvalid {
			t.Errorf("cursor %q: %v", text, err)
		}
	}
}

func TestHashTellsListingsApart(t *testing.T) {
	seen := map[uint64]int{}
	for i, q := range []app.Query{
		{},
		{OldestFirst: true},
		{Filter: app.Filter{Services: []string{"a", "b"}}},
		{Filter: app.Filter{Services: []string{"ab"}}},
		{Filter: app.Filter{Hosts: []string{"a", "b"}}},
		{Filter: app.Filter{Services: []string{"a"}, Hosts: []string{"b"}}},
		{Filter: app.Filter{Texts: []string{"a"}}},
		{Filter: app.Filter{Levels: []app.Level{app.LevelWarn}}},
		{Filter: app.Filter{NotTexts: []string{"a"}}},
		{Filter: app.Filter{Patterns: []string{"a"}}},
		{Filter: app.Filter{NotPatterns: []string{"a"}}},
		{Filter: app.Filter{NotServices: []string{"a"}}},
		{Filter: app.Filter{NotHosts: []string{"a"}}},
		{Filter: app.Filter{TraceIDs: []string{"a"}}},
		{Filter: app.Filter{NotTraceIDs: []string{"a"}}},
		{Filter: app.Filter{NotLevels: []app.Level{app.LevelWarn}}},
		{Filter: app.Filter{Attributes: []app.AttributeFilter{{Name: "a", Values: []string{"b"}}}}},
		{Filter: app.Filter{Attributes: []app.AttributeFilter{{Name: "a", Values: []string{"b"}, Not: true}}}},
		{Filter: app.Filter{Attributes: []app.AttributeFilter{{Name: "a", Values: []string{"b"}, Not: true}, {Name: "c"}}}},
		{Filter: app.Filter{Attributes: []app.AttributeFilter{{Name: "a", Values: []string{"b"}}, {Name: "\x02", Values: []string{""}}}}},
		{Filter: app.Filter{From: time.Unix(0, 0)}},
		{Filter: app.Filter{To: time.Unix(0, 0)}},
	} {
		if j, ok := seen[q.Hash()]; ok {
			t.Errorf("listings %d and %d have the same hash", i, j)
		}
		seen[q.Hash()] = i
	}
}

func TestSnapshotSeesWhatWasCommitted(t *testing.T) {
	s := app.Snapshot("100:110:103,107")
	for transaction, want := range map[uint64]bool{
		1: true, 99: true, 100: true, 102: true, 103: false, 106: true, 107: false, 109: true, 110: false, 1000: false,
	} {
		if s.Sees(transaction) != want {
			t.Errorf("%s sees %d: want %v", s, transaction, want)
		}
	}
	if !app.Snapshot("5:5:").Sees(4) {
		t.Error("a snapshot without running transactions sees nothing")
	}
	for _, broken := range []app.Snapshot{"", "1", "1:2", "a:b:c"} {
		if broken.Sees(0) {
			t.Errorf("%q sees a transaction", broken)
		}
	}
}

func TestSnapshotIncludesAnEarlierOne(t *testing.T) {
	for _, c := range []struct {
		later, earlier app.Snapshot
		want           bool
	}{
		{"100:100:", "100:100:", true},
		{"110:110:", "100:105:101", true},
		{"100:105:101", "110:110:", false},   // it is the earlier one
		{"101:110:101", "100:105:101", true}, // 101 was running for both
		{"101:110:101", "105:105:", false},   // 101 was done already
		{"100:105:101,103", "100:105:101", false},
		{"1:1:", "", true},
		{"", "1:1:", false},
		{"", "", false},
	} {
		if got := c.later.Includes(c.earlier); got != c.want {
			t.Errorf("%q includes %q: %v", c.later, c.earlier, got)
		}
	}
}
