package app_test

import (
	"maps"
	"testing"
	"time"

	"millrace/app"
)

var place = map[string]string{
	app.MetaTopic: app.TopicLogs, app.MetaPartition: "3", app.MetaOffset: "1942", app.MetaShippedAt: "2026-11-23T10:00:01Z",
}

func TestBatchHeadSurvivesItsWay(t *testing.T) {
	sent := app.BatchHead{
		Shipper: "k3v9", First: 1001, Count: 1000, SealedAt: time.Date(2026, 11, 23, 10, 0, 0, 5, time.UTC),
		OpenedAt: time.Date(2026, 11, 23, 9, 59, 58, 7, time.UTC), Accepted: 2500, Trigger: "size",
	}
	meta := maps.Clone(place)
	maps.Copy(meta, sent.Metadata())
	got, err := app.ReadBatchHead(meta, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := sent
	want.Topic, want.Partition, want.Offset = app.TopicLogs, 3, 1942
	want.ShippedAt = time.Date(2026, 11, 23, 10, 0, 1, 0, time.UTC)
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.ID() != "k3v9-1001" || got.Last() != 2000 {
		t.Errorf("id %s, last %d", got.ID(), got.Last())
	}
}

func TestAnotherProducersBatchIsKnownByItsPlace(t *testing.T) {
	got, err := app.ReadBatchHead(place, 7)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Foreign || got.ID() != "logs.3-1942" || got.Count != 7 {
		t.Errorf("got %+v", got)
	}
}

// What a batch may say besides, it may also say wrong: it is stored without.
func TestWhatABatchNeedNotSayIsNeverAnError(t *testing.T) {
	good := maps.Clone(place)
	maps.Copy(good, app.BatchHead{Shipper: "k3v9", First: 1, Count: 2, SealedAt: time.Unix(1, 0)}.Metadata())
	for _, wrong := range []string{"", "-1", "x", "9223372036854775808"} {
		meta := maps.Clone(good)
		meta[app.MetaAccepted], meta[app.MetaTrigger], meta[app.MetaOpenedAt] = wrong, wrong, wrong
		if got, err := app.ReadBatchHead(meta, 2); err != nil || got.Accepted != 0 || got.Trigger != "" || !got.AcceptedAt().Equal(time.Unix(1, 0)) {
			t.Errorf("%q: %+v, %v", wrong, got, err)
		}
	}
}

func TestMetadataThatContradictsIsRefused(t *testing.T) {
	good := maps.Clone(place)
	maps.Copy(good, app.BatchHead{Shipper: "k3v9", First: 1, Count: 2, SealedAt: time.Unix(1, 0)}.Metadata())
	if _, err := app.ReadBatchHead(good, 2); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"no first":       {app.MetaFirst, ""},
		"first is zero":  {app.MetaFirst, "0"},
		"first too big":  {app.MetaFirst, "9223372036854775808"},
		"another count":  {app.MetaCount, "3"},
		"no time":        {app.MetaSealedAt, "yesterday"},
		"no place":       {app.MetaOffset, ""},
		"negative place": {app.MetaOffset, "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := maps.Clone(good)
			bad[change[0]] = change[1]
			if _, err := app.ReadBatchHead(bad, 2); !app.Permanent(err) {
				t.Errorf("want a permanent error, got %v", err)
			}
		})
	}
}
