package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"millrace/app"
)

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		err  error
		code int
	}{
		"all is well":             {[]string{"verify"}, nil, 0},
		"something is missing":    {[]string{"verify"}, errNotWhole, 1},
		"it could not tell":       {[]string{"verify"}, app.Errorf(app.KindUnavailable, "no gateway answers"), 2},
		"it was interrupted":      {[]string{"verify"}, context.Canceled, 2},
		"a role was told to stop": {[]string{"gateway"}, context.Canceled, 0},
		"a role could not go on":  {[]string{"gateway"}, errors.New("no"), 1},
	} {
		command, _, err := newCommand().Find(c.args)
		if err != nil {
			t.Fatal(err)
		}
		if got := exitCode(command, c.err); got != c.code {
			t.Errorf("%s: %d, want %d", name, got, c.code)
		}
	}
}

func TestAVerificationIsTold(t *testing.T) {
	result := app.Verification{
		Rows: 90, Batches: 3, Missing: 7, Unchecked: app.Unchecked{Batches: 2, Logs: 20}, KeptFrom: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		Findings: map[string]uint64{app.FindGap: 3, app.FindUnchecked: 2},
		Shippers: []app.ShipperLedger{
			{Shipper: "k3v9", Accepted: 100, Stored: 90, Settling: app.Ranges{First: []app.Range{{From: 95, To: 97}}}},
			{Shipper: "\x1b[2Jevil\nline"},
		},
	}
	findings := []app.Finding{
		{Kind: app.FindGap, Shipper: "k3v9", Range: app.Range{From: 4, To: 6}, Logs: 3},
		{Kind: app.FindGap, Shipper: "\x1b[2Jevil\nline", Range: app.Range{From: 1, To: 1}, Logs: 1},
		{Kind: app.FindUnchecked, Shipper: "k3v9", Range: app.Range{From: 10, To: 19}, Logs: 10},
	}
	got := describe(result, findings)
	for _, want := range []string{
		"missing: shipper k3v9, 4-6: 3 logs that no batch has\n",
		`missing: shipper "\x1b[2Jevil\nline", 1: 1 log that no batch has` + "\n",
		"… and 1 more of the kind \"gap\"\n",
		"on its way: shipper k3v9, 95-97:",
		"unchecked: 20 logs of 2 batches lay in days before 2026-03-01",
		"NOT WHOLE: of 3 batches 7 logs are missing, and 0 are there that should not be\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") || strings.Contains(got, "10-19") {
		t.Errorf("said too much:\n%s", got)
	}
	if got := describe(app.Verification{Whole: true, Rows: 5, Batches: 2}, nil); !strings.HasSuffix(got, "whole: 5 logs in 2 batches, none missing, none twice\n") {
		t.Errorf("got %s", got)
	}
}
