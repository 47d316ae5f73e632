package handlers

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
)

// RecentProjection brings the cache of the newest logs up to date and returns
// the snapshot of the store that it now shows.
type RecentProjection interface {
	Refresh(ctx context.Context) (app.Snapshot, error)
}

// Project keeps the newest logs in the cache, driven by the events of the
// store. Events that an earlier refresh covered already cost nothing, so a
// backlog of them is done as fast as it is read.
type Project struct {
	recent RecentProjection
	done   func(app.StoredEvent)

	mu    sync.Mutex   // one refresh at a time
	shown app.Snapshot // what the cache shows; guarded by mu
}

// NewProject returns a Project that drives recent. done is told of each event
// whose batch the cache shows; it may be nil.
func NewProject(recent RecentProjection, done func(app.StoredEvent)) *Project {
	if done == nil {
		done = func(app.StoredEvent) {}
	}
	return &Project{recent: recent, done: done}
}

// Handle takes a message whose payload is an app.StoredEvent.
func (p *Project) Handle(msg *message.Message) error {
	var event app.StoredEvent
	if err := json.Unmarshal(msg.Payload, &event); err != nil {
		return app.Errorf(app.KindInvalid, "the event of a stored batch cannot be read: %w", err)
	}
	if err := p.show(msg.Context(), event); err != nil {
		return err
	}
	p.done(event)
	return nil
}

func (p *Project) show(ctx context.Context, event app.StoredEvent) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown.Sees(event.Transaction) {
		return nil
	}
	shown, err := p.recent.Refresh(ctx)
	if err != nil {
		return err
	}
	p.shown = shown
	return nil
}
