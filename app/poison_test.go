package app_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"millrace/app"
)

// countBytes takes each byte for a log, and "garbage" for no batch.
func countBytes(payload []byte) (int, error) {
	if string(payload) == "garbage" {
		return 0, app.Errorf(app.KindInvalid, "no batch")
	}
	return len(payload), nil
}

// lies is what is set when a record is read.
func lies(meta map[string]string) map[string]string {
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]string{}
	}
	meta[app.MetaTopic], meta[app.MetaPartition], meta[app.MetaOffset] = app.TopicPoison, "0", "7"
	meta[app.MetaShippedAt] = "2026-01-31T12:00:00.5Z"
	return meta
}

func TestWhatIsSetAsideIsKnownByItsNumbersOrItsPlace(t *testing.T) {
	head := app.BatchHead{Shipper: "k3v9", First: 41, Count: 3, SealedAt: time.Unix(9, 0), Trigger: "size"}.Metadata()
	with := func(more ...string) map[string]string {
		meta := maps.Clone(head)
		for i := 0; i < len(more); i += 2 {
			meta[more[i]] = more[i+1]
		}
		return meta
	}
	origin := []string{"origin_millrace_topic", "logs", "origin_millrace_partition", "3", "origin_millrace_offset", "99", "origin_millrace_shipped_at", "2026-01-31T11:00:00Z"}
	for name, c := range map[string]struct {
		meta    map[string]string
		payload string
		want    string // shipper, first, count, foreign, where it lay, readable
	}{
		"from the shipper":               {with(), "abc", "k3v9 41 3 false logs.poison.0-7 true"},
		"from the consumer":              {with(origin...), "abc", "k3v9 41 3 false logs.3-99 true"},
		"a payload that was spoiled":     {with(origin...), "garbage", "k3v9 41 3 false logs.3-99 false"},
		"a count that is a lie":          {with(app.MetaCount, "9"), "abc", "k3v9 41 9 false logs.poison.0-7 true"},
		"a count that cannot be":         {with(app.MetaCount, "-1"), "abcd", "k3v9 41 4 false logs.poison.0-7 true"},
		"no count at all":                {with(app.MetaCount, ""), "garbage", "k3v9 41 1 false logs.poison.0-7 false"},
		"a number that cannot be":        {with(append(origin, app.MetaFirst, "0")...), "abc", "logs.3 99 3 true logs.3-99 true"},
		"a number beyond the ledger":     {with(app.MetaFirst, "9223372036854775807"), "abc", "logs.poison.0 7 3 true logs.poison.0-7 true"},
		"a name that cannot be":          {with(append(origin, app.MetaShipper, "a\x00")...), "abc", "logs.3 99 3 true logs.3-99 true"},
		"a name that is no text":         {with(append(origin, app.MetaShipper, "\xff")...), "abc", "logs.3 99 3 true logs.3-99 true"},
		"another producer's batch":       {map[string]string{origin[0]: "logs", origin[2]: "3", origin[4]: "99"}, "ab", "logs.3 99 2 true logs.3-99 true"},
		"another producer's garbage":     {map[string]string{origin[0]: "logs", origin[2]: "3", origin[4]: "99"}, "garbage", "logs.3 99 1 true logs.3-99 false"},
		"straight to the poison topic":   {nil, "garbage", "logs.poison.0 7 1 true logs.poison.0-7 false"},
		"nothing at all":                 {nil, "", "logs.poison.0 7 1 true logs.poison.0-7 false"},
		"an origin that cannot be":       {map[string]string{origin[0]: "a\x00", origin[2]: "3", origin[4]: "99"}, "ab", "logs.poison.0 7 2 true logs.poison.0-7 true"},
		"an origin without an offset":    {map[string]string{origin[0]: "logs", origin[2]: "3"}, "ab", "logs.poison.0 7 2 true logs.poison.0-7 true"},
		"an origin with a wrong offset":  {map[string]string{origin[0]: "logs", origin[2]: "3", origin[4]: "-4"}, "ab", "logs.poison.0 7 2 true logs.poison.0-7 true"},
		"an origin with a long name":     {map[string]string{origin[0]: string(make([]byte, 999)), origin[2]: "3", origin[4]: "1"}, "ab", "logs.poison.0 7 2 true logs.poison.0-7 true"},
		"an origin with a partition < 0": {map[string]string{origin[0]: "logs", origin[2]: "-3", origin[4]: "1"}, "ab", "logs.poison.0 7 2 true logs.poison.0-7 true"},
	} {
		t.Run(name, func(t *testing.T) {
			r := app.ReadPoison(lies(c.meta), []byte(c.payload), countBytes)
			if got := fmt.Sprint(r.Shipper, " ", r.First, " ", r.Count, " ", r.Foreign, " ", r.Topic, ".", r.Partition, "-", r.Offset, " ", r.Readable); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if r.Lies != (app.RecordPlace{Topic: app.TopicPoison, Offset: 7, At: time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.UTC)}) {
				t.Errorf("it lies at %+v", r.Lies)
			}
			if len(r.Headers) != len(c.meta) || string(r.Payload) != c.payload {
				t.Errorf("it has %q", r.Headers)
			}
		})
	}
}

func TestWhySomethingIsSetAside(t *testing.T) {
	meta := map[string]string{
		app.MetaStage: app.StageStore, app.MetaReason: app.ReasonPanic, "handler_poisoned": "store", "reason_poisoned": "it panicked\x00",
	}
	if r := app.ReadPoison(lies(meta), nil, countBytes); r.Failure != (app.Failure{Stage: "store", Reason: "panic", Handler: "store", Error: "it panicked\x00"}) {
		t.Errorf("%+v", r.Failure)
	}
	meta[app.MetaStage], meta[app.MetaReason] = "hell", "because"
	if r := app.ReadPoison(lies(meta), nil, countBytes); r.Stage != app.StageUnknown || r.Reason != app.ReasonUnknown {
		t.Errorf("labels without bounds: %+v", r.Failure)
	}
	for kind, want := range map[app.Kind]string{
		app.KindInvalid: app.ReasonInvalid, app.KindTooLarge: app.ReasonTooLarge, app.KindConflict: app.ReasonConflict, app.KindInternal: app.ReasonUnknown,
	} {
		if got := app.ReasonOf(app.Errorf(kind, "x")); got != want {
			t.Errorf("kind %d: %s, want %s", kind, got, want)
		}
	}
}

// FuzzReadPoison: whatever a record says, it becomes something that the
// quarantine's tables can hold, with all that was in it.
func FuzzReadPoison(f *testing.F) {
	f.Add("k3v9", "41", "3", "2026-01-31T12:00:00Z", "logs", "3", "99", "store", "why", "poison.0", []byte("abc"))
	f.Add("\x00", "-1", "99999999999999999999", "now", "\xff", "9999999999", "-9", "", "\x00", "", []byte(nil))
	f.Add("k3v9", "41", "3", "now", "", "3", "99", "store", "why", "poison.0", []byte("abc"))
	f.Fuzz(func(t *testing.T, shipper, first, count, sealed, topic, partition, offset, stage, reason, at string, payload []byte) {
		meta := map[string]string{
			app.MetaShipper: shipper, app.MetaFirst: first, app.MetaCount: count, app.MetaSealedAt: sealed, app.MetaStage: stage, app.MetaReason: reason,
			"origin_millrace_topic": topic, "origin_millrace_partition": partition, "origin_millrace_offset": offset, "origin_millrace_shipped_at": at,
			app.MetaTopic: topic, app.MetaPartition: partition, app.MetaOffset: offset, app.MetaShippedAt: at,
		}
		r := app.ReadPoison(meta, payload, countBytes)
		switch {
		case !app.IsShipperName(r.Shipper), !app.IsShipperName(r.Topic), !app.IsShipperName(r.Lies.Topic):
			t.Fatalf("names %q, %q, %q", r.Shipper, r.Topic, r.Lies.Topic)
		case r.Count < 1 || r.Count > app.MaxBatchCount || r.First > app.MaxFirst && !r.Foreign || !r.Foreign && r.First == 0:
			t.Fatalf("numbers %d, %d", r.First, r.Count)
		case r.Partition < 0 || r.Offset < 0 || r.Lies.Partition < 0 || r.Lies.Offset < 0:
			t.Fatalf("places %d-%d, %d-%d", r.Partition, r.Offset, r.Lies.Partition, r.Lies.Offset)
		case r.Foreign && r.First != uint64(r.Offset):
			t.Fatalf("known as %d at %d", r.First, r.Offset)
		}
		for key, value := range meta {
			if got, ok := r.Headers[key]; ok && got != value {
				t.Fatalf("header %s became %q", key, got)
			}
		}
		if len(r.Headers) != len(meta)-4 || string(r.Payload) != string(payload) {
			t.Fatalf("%d headers of %d", len(r.Headers), len(meta))
		}
	})
}
