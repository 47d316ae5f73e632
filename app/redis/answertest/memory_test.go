package answertest_test

import (
	"testing"

	"millrace/app/redis/answertest"
)

func TestMemory(t *testing.T) {
	answertest.Test(t, func(*testing.T) answertest.World {
		m := answertest.NewMemory()
		return answertest.World{Store: m, Other: m.Other(), Forward: m.Forward}
	})
}
