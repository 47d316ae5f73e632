package handlers_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"

	"millrace/app"
	"millrace/handlers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCodec reads payloads in which each byte is a log.
type fakeCodec struct{}

func (fakeCodec) Count(payload []byte) (int, error) {
	if string(payload) == "garbage" {
		return 0, app.Errorf(app.KindInvalid, "no batch")
	}
	return len(payload), nil
}

func (fakeCodec) Logs(payload []byte, received time.Time) iter.Seq2[*app.Log, error] {
	return func(yield func(*app.Log, error) bool) {
		for _, b := range payload {
			if !yield(&app.Log{Message: string(b), Time: received}, nil) {
				return
			}
		}
	}
}

func (fakeCodec) One(payload []byte, place int) ([]byte, error) { return payload[place : place+1], nil }

type fakeStore struct {
	kept map[string]int // logs by batch id
	err  error
}

func (f *fakeStore) Store(_ context.Context, batch app.Batch) (app.Receipt, error) {
	if f.err != nil {
		return app.Receipt{}, f.err
	}
	if _, ok := f.kept[batch.ID()]; ok {
		return app.Receipt{Duplicate: true}, nil
	}
	n := 0
	for _, err := range batch.Logs {
		if err != nil {
			return app.Receipt{}, err
		}
		n++
	}
	f.kept[batch.ID()] = n
	return app.Receipt{Number: int64(len(f.kept)), Stored: n}, nil
}

func batch(payload string) *message.Message {
	msg := message.NewMessage("id", []byte(payload))
	msg.Metadata = app.BatchHead{Shipper: "k3v9", First: 1, Count: len(payload), SealedAt: time.Unix(7, 0)}.Metadata()
	msg.Metadata[app.MetaTopic], msg.Metadata[app.MetaPartition], msg.Metadata[app.MetaOffset] = app.TopicLogs, "0", "0"
	return msg
}

func TestStoreKeepsABatchOnce(t *testing.T) {
	store := &fakeStore{kept: map[string]int{}}
	var receipts []app.Receipt
	handler := handlers.NewStore(fakeCodec{}, store, func(_ app.BatchHead, r app.Receipt) { receipts = append(receipts, r) })
	for range 2 {
		if err := handler.Handle(batch("abc")); err != nil {
			t.Fatal(err)
		}
	}
	if store.kept["k3v9-1"] != 3 || len(receipts) != 2 || receipts[0].Stored != 3 || !receipts[1].Duplicate {
		t.Errorf("kept %v, receipts %+v", store.kept, receipts)
	}
}

func TestStoreTellsWhatIsHopelessFromWhatMayPass(t *testing.T) {
	away := app.Errorf(app.KindUnavailable, "connection refused")
	wrongCount := batch("abc")
	wrongCount.Metadata[app.MetaCount] = "4"
	for name, c := range map[string]struct {
		msg       *message.Message
		store     error
		permanent bool
	}{
		"no batch":          {batch("garbage"), nil, true},
		"metadata lie":      {wrongCount, nil, true},
		"the store is away": {batch("abc"), away, false},
		"we are stopping":   {batch("abc"), context.Canceled, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := handlers.NewStore(fakeCodec{}, &fakeStore{kept: map[string]int{}, err: c.store}, nil).Handle(c.msg)
			if err == nil || app.Permanent(err) != c.permanent {
				t.Errorf("got %v, permanent %v", err, app.Permanent(err))
			}
		})
	}
}

func TestStoreTakesARequestWithoutLogs(t *testing.T) {
	store := &fakeStore{kept: map[string]int{}}
	msg := batch("")
	delete(msg.Metadata, app.MetaShipper)
	if err := handlers.NewStore(fakeCodec{}, store, nil).Handle(msg); err != nil || len(store.kept) != 0 {
		t.Errorf("kept %v, error %v", store.kept, err)
	}
}

type fakeProjection struct {
	refreshed int
	shows     app.Snapshot
	err       error
}

func (f *fakeProjection) Refresh(context.Context) (app.Snapshot, error) {
	f.refreshed++
	return f.shows, f.err
}

func event(transaction string) *message.Message {
	return message.NewMessage("e", []byte(`{"number":1,"batch_id":"k3v9-1","count":3,"transaction":`+transaction+`}`))
}

func TestProjectRefreshesOnceForAllThatASnapshotCovers(t *testing.T) {
	projection := &fakeProjection{shows: "50:60:55"}
	project := handlers.NewProject(projection, nil)
	for _, step := range []struct {
		transaction string
		refreshed   int
	}{{"10", 1}, {"11", 1}, {"54", 1}, {"55", 2}, {"59", 2}, {"60", 3}} {
		if err := project.Handle(event(step.transaction)); err != nil {
			t.Fatal(err)
		}
		if projection.refreshed != step.refreshed {
			t.Errorf("after transaction %s: %d refreshes, want %d", step.transaction, projection.refreshed, step.refreshed)
		}
	}
}

func TestProjectForgetsNothingWhenRefreshingFails(t *testing.T) {
	projection := &fakeProjection{shows: "50:50:", err: errors.New("redis is away")}
	project := handlers.NewProject(projection, nil)
	if err := project.Handle(event("10")); err == nil {
		t.Fatal("the failure is not reported")
	}
	projection.err = nil
	if err := project.Handle(event("10")); err != nil || projection.refreshed != 2 {
		t.Errorf("%d refreshes, error %v", projection.refreshed, err)
	}
}

func TestProjectRefusesWhatIsNoEvent(t *testing.T) {
	err := handlers.NewProject(&fakeProjection{}, nil).Handle(message.NewMessage("e", []byte("{")))
	if !app.Permanent(err) {
		t.Errorf("got %v", err)
	}
}

// fakeQuarantine keeps records by where they lie.
type fakeQuarantine struct {
	kept map[int64]app.PoisonRecord
	err  error
}

func (f *fakeQuarantine) Keep(_ context.Context, r app.PoisonRecord) (app.KeptPoison, error) {
	if f.err != nil {
		return app.KeptPoison{}, f.err
	}
	_, known := f.kept[r.Lies.Offset]
	f.kept[r.Lies.Offset] = r
	return app.KeptPoison{ID: r.Lies.Offset, Fresh: !known, Duplicate: known}, nil
}

func TestQuarantineKeepsWhateverComes(t *testing.T) {
	store := &fakeQuarantine{kept: map[int64]app.PoisonRecord{}}
	var told []app.KeptPoison
	handler := handlers.NewQuarantine(fakeCodec{}, store, func(_ app.PoisonRecord, k app.KeptPoison) { told = append(told, k) })
	bare := message.NewMessage("", nil)
	bare.Metadata = nil
	foreign := message.NewMessage("", []byte("garbage"))
	foreign.Metadata[app.MetaTopic], foreign.Metadata[app.MetaPartition], foreign.Metadata[app.MetaOffset] = app.TopicPoison, "0", "1"
	for _, msg := range []*message.Message{bare, foreign, foreign} {
		if err := handler.Handle(msg); err != nil {
			t.Fatal(err)
		}
	}
	if len(store.kept) != 2 || store.kept[1].Shipper != "logs.poison.0" || store.kept[1].Readable || len(told) != 3 || !told[2].Duplicate {
		t.Errorf("kept %+v, told %+v", store.kept, told)
	}
	store.err = app.Errorf(app.KindUnavailable, "away")
	if err := handler.Handle(foreign); !errors.Is(err, store.err) || len(told) != 3 {
		t.Errorf("got %v", err)
	}
}

// fakeReplays hold one item that is to be replayed.
type fakeReplays struct {
	replay   app.Replay
	due      bool
	err      error
	returned []app.Failure
}

func (f *fakeReplays) Replaying(context.Context, int64) (app.Replay, bool, error) {
	return f.replay, f.due, f.err
}

func (f *fakeReplays) Returned(_ context.Context, _ int64, why app.Failure) error {
	f.returned = append(f.returned, why)
	return f.err
}

// sent keeps what is published, or fails.
type sent struct {
	messages []*message.Message
	err      error
}

func (s *sent) Publish(_ string, messages ...*message.Message) error {
	if s.err == nil {
		s.messages = append(s.messages, messages...)
	}
	return s.err
}
func (*sent) Close() error { return nil }

func TestReplaySendsTheSameBatchEachTime(t *testing.T) {
	replays := &fakeReplays{due: true, replay: app.Replay{BatchHead: app.BatchHead{Shipper: "replay-5", First: 1, SealedAt: time.Unix(7, 0)}, Payload: []byte("abc")}}
	kafka := &sent{}
	replay := handlers.NewReplay(fakeCodec{}, replays, kafka, func(err error) string {
		if app.Permanent(err) {
			return app.ReasonOf(err)
		}
		return ""
	})
	asked := func() *message.Message { return message.NewMessage("e", []byte(`{"item":5}`)) }
	for range 2 {
		if err := replay.Handle(asked()); err != nil {
			t.Fatal(err)
		}
	}
	for _, msg := range kafka.messages {
		msg.Metadata[app.MetaTopic], msg.Metadata[app.MetaPartition], msg.Metadata[app.MetaOffset] = app.TopicLogs, "0", "0"
		if head, err := app.ReadBatchHead(msg.Metadata, 3); err != nil || head.ID() != "replay-5-1" || msg.UUID != "replay-5-1" || string(msg.Payload) != "abc" {
			t.Errorf("%+v, %v", head, err)
		}
	}
	kafka.err = app.Errorf(app.KindUnavailable, "away")
	if err := replay.Handle(asked()); !errors.Is(err, kafka.err) || len(replays.returned) != 0 {
		t.Errorf("got %v, returned %+v", err, replays.returned)
	}
	kafka.err = app.Errorf(app.KindTooLarge, "too large")
	if err := replay.Handle(asked()); err != nil || len(replays.returned) != 1 || replays.returned[0] != (app.Failure{Stage: app.StageReplay, Reason: app.ReasonTooLarge, Handler: "replay", Error: "too large"}) {
		t.Errorf("got %v, returned %+v", err, replays.returned)
	}
	kafka.err, replays.replay.Payload = nil, []byte("garbage")
	if err := replay.Handle(asked()); err != nil || len(replays.returned) != 2 || len(kafka.messages) != 2 {
		t.Errorf("got %v, returned %+v", err, replays.returned)
	}
	replays.due = false // it was stored meanwhile
	if err := replay.Handle(asked()); err != nil || len(kafka.messages) != 2 {
		t.Errorf("got %v, %d sent", err, len(kafka.messages))
	}
	if err := replay.Handle(message.NewMessage("e", []byte("{"))); !app.Permanent(err) {
		t.Errorf("got %v", err)
	}
}
