package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app/otlp"
	"millrace/middleware/batching"
)

// What no topic takes lies on the shipper's disk, as it can be sent again.
func TestWhatNoTopicTakesIsKept(t *testing.T) {
	data := t.TempDir()
	batch := batching.Batch{Sequence: "k3v9", First: 7, Count: 2, Messages: []*message.Message{request(t, "one", "two")}}
	if err := keepRefused(data)(batch, errors.New("too large")); err != nil {
		t.Fatal(err)
	}
	payload, err := os.ReadFile(filepath.Join(data, "refused", "k3v9-7.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := otlp.Count(payload); n != 2 || err != nil {
		t.Error(n, err)
	}
	meta, err := os.ReadFile(filepath.Join(data, "refused", "k3v9-7.json"))
	if err != nil || !strings.Contains(string(meta), `"reason": "too large"`) {
		t.Errorf("%s %v", meta, err)
	}
	if err := keepRefused(filepath.Join(data, "refused", "k3v9-7.json"))(batch, errors.New("too large")); err == nil {
		t.Error("kept below a file")
	}
}
