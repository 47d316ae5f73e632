package app_test

import (
	"testing"
	"time"

	"millrace/app"
)

func TestClocksAreCompared(t *testing.T) {
	asked := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	answered := asked.Add(100 * time.Millisecond)
	for _, tc := range []struct {
		theirs  time.Time
		verdict app.Verdict
		finding string
	}{
		{asked.Add(50 * time.Millisecond), app.VerdictFine, "its clock is this machine's"},
		{asked.Add(-time.Second), app.VerdictFine, "its clock is this machine's"},
		{answered.Add(3 * time.Second), app.VerdictBetter, "its clock is 3s ahead of this machine's"},
		{asked.Add(-3 * time.Second), app.VerdictBetter, "its clock is 3s behind this machine's"},
		{answered.Add(time.Hour), app.VerdictWrong, "its clock is 1h0m0s ahead of this machine's"},
		{asked.Add(-time.Hour), app.VerdictWrong, "its clock is 1h0m0s behind this machine's"},
	} {
		x := app.NewExamination("clock")
		x.Clock(tc.theirs, asked, answered)
		found := x.Found()[0]
		if found.Verdict != tc.verdict || found.Finding != tc.finding || (found.Advice == "") != (tc.verdict == app.VerdictFine) {
			t.Errorf("%s: %+v", tc.theirs, found)
		}
	}
}
