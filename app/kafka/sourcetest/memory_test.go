package sourcetest_test

import (
	"testing"

	"millrace/app/kafka/sourcetest"
)

func TestMemory(t *testing.T) {
	sourcetest.Test(t, func(*testing.T) sourcetest.World {
		m := sourcetest.NewMemory(sourcetest.Partitions)
		return sourcetest.World{
			Source: m,
			Write:  func(partition int32, payload string) { m.Write(partition, []byte(payload)) },
			Forget: m.Forget,
		}
	})
}
