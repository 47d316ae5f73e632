package otlp

import (
	"strings"
	"testing"
	"time"

	"millrace/app"
)

// A resource that is repeated for each of its logs must not grow a batch a
// thousandfold.
func TestCountRefusesAResourceThatWouldGrow(t *testing.T) {
	log := app.Log{Service: strings.Repeat("s", maxShared), Time: time.Unix(1, 0)}
	payload, err := Encode([]app.Log{log})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Count(payload); app.KindOf(err) != app.KindInvalid || !strings.Contains(err.Error(), "resource") {
		t.Errorf("got %v", err)
	}
}
