package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"millrace/app"
)

const (
	// stateTimeout bounds the wait for all shippers: one that is away must not
	// hold up what is known without it.
	stateTimeout = time.Second
	maxState     = 64 << 10
)

// States asks shippers at known addresses what they have in hand. It
// implements app.ShipperStates.
type States struct {
	urls []string
	http *http.Client
}

// NewStates returns States for shippers at URLs such as http://localhost:8082.
func NewStates(urls []string, cfg app.HTTPConfig) (*States, error) {
	requests, err := cfg.Client(stateTimeout)
	return &States{urls: urls, http: requests}, err
}

// Close closes the idle connections.
func (s *States) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// States implements app.ShipperStates. The answers are in the order of the
// addresses.
func (s *States) States(ctx context.Context) []app.ShipperAnswer {
	answers := make([]app.ShipperAnswer, len(s.urls))
	var wait sync.WaitGroup
	for i, target := range s.urls {
		wait.Go(func() {
			answers[i].URL = target
			state, err := s.ask(ctx, target)
			if err != nil {
				answers[i].Error = err.Error()
				return
			}
			answers[i].State = state
		})
	}
	wait.Wait()
	return answers
}

func (s *States) ask(ctx context.Context, target string) (*app.ShipperState, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(target, "/")+"/api/shipper", nil)
	if err != nil {
		return nil, err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", response.Status)
	}
	var state app.ShipperState
	if err := json.NewDecoder(io.LimitReader(response.Body, maxState)).Decode(&state); err != nil {
		return nil, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if state.ID == "" {
		return nil, fmt.Errorf("its answer names no shipper")
	}
	return &state, nil
}
