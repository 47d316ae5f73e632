package kafka

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"
)

// Each case is the partitions and sizes of records, and which records each
// share has.
func TestRecordsAreShared(t *testing.T) {
	type record struct {
		partition int32
		size      int
	}
	for name, c := range map[string]struct {
		records []record
		lanes   int
		want    string
	}{
		"one":                        {[]record{{2, 9}}, 2, "[[0]]"},
		"none":                       {nil, 2, "[]"},
		"one lane":                   {[]record{{0, 9}, {1, 9}, {0, 9}}, 1, "[[0 1 2]]"},
		"one partition":              {[]record{{3, 9}, {3, 1}, {3, 9}}, 4, "[[0 1 2]]"},
		"a partition stays in order": {[]record{{1, 5}, {0, 9}, {1, 5}, {0, 9}}, 2, "[[1 3] [0 2]]"},
		"by size, not by number":     {[]record{{0, 1}, {1, 1}, {2, 1}, {3, 9}}, 2, "[[3] [0 1 2]]"},
		"empty payloads":             {[]record{{0, 0}, {1, 0}}, 2, "[[0 1] []]"},
	} {
		t.Run(name, func(t *testing.T) {
			var records []*sarama.ProducerMessage
			for i, r := range c.records {
				records = append(records, &sarama.ProducerMessage{Partition: r.partition, Value: sarama.ByteEncoder(make([]byte, r.size)), Metadata: i})
			}
			got := [][]int{}
			for _, s := range share(records, c.lanes) {
				ids := []int{}
				for _, record := range s {
					ids = append(ids, record.Metadata.(int))
				}
				got = append(got, ids)
			}
			if text := fmt.Sprint(got); text != c.want {
				t.Errorf("%s, want %s", text, c.want)
			}
		})
	}
}
