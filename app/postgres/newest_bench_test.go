package postgres_test

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkNewest reads the newest hundred logs, of a store of so many days.
func BenchmarkNewest(b *testing.B) {
	for _, days := range []int{1, 30} {
		b.Run(fmt.Sprint("days=", days), func(b *testing.B) {
			db := open(b, newURL(b))
			logs := benchLogs()
			for day := range days {
				for i := range logs {
					logs[i].Time = time.Now().AddDate(0, 0, -day).Add(-time.Duration(i) * time.Millisecond)
				}
				if _, err := db.Store().Store(b.Context(), batch("bench", uint64(1+day*benchBatch), logs...)); err != nil {
					b.Fatal(err)
				}
			}
			reader := db.Reader()
			b.ReportAllocs()
			for b.Loop() {
				if logs, _, err := reader.Newest(b.Context(), 100); err != nil || len(logs) != 100 {
					b.Fatal(len(logs), err)
				}
			}
		})
	}
}
