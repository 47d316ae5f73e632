package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"
)

// replayEvery is how often all that is in quarantine is replayed.
const replayEvery = 4 * time.Second

// raisedLimit is the size of a record that has room for a log that was too large.
const raisedLimit = "8000000"

// operate does what somebody would who looks after the quarantine: again and
// again everything is replayed, first in vain, and from the middle of the time on
// with Kafka letting the large ones pass. What is stored of it must be so once.
func (s *site) operate(ctx context.Context, d *diary, lasts time.Duration) {
	raised := false
	for wait(ctx, replayEvery) {
		if !raised && time.Since(d.began) > lasts/2 {
			err := raiseLimit(s.all.Kafka.Brokers)
			if raised = err == nil; raised {
				d.note(event{Target: "Kafka", What: "takes records of " + raisedLimit + " bytes from now on"})
			}
		}
		said, err := s.replayAll(ctx)
		switch {
		case err != nil:
			said = err.Error()
		case said == "":
			continue // there was nothing
		}
		d.note(event{Target: "quarantine", What: fmt.Sprintf("replayed: %.200s", said)})
	}
}

// replayAll asks the gateway, twice at once, to replay all that is held.
func (s *site) replayAll(ctx context.Context) (said string, err error) {
	second := make(chan error, 1)
	go func() {
		_, err := s.replayHeld(ctx)
		second <- err
	}()
	said, err = s.replayHeld(ctx)
	return said, errors.Join(err, <-second)
}

func (s *site) replayHeld(ctx context.Context) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.roles["gateway"]+"/api/quarantine/replay", strings.NewReader(`{"filter":{},"limit":1000}`))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s", response.Status, body)
	}
	said = strings.TrimSpace(string(body))
	if strings.HasPrefix(said, `{"results":[]`) {
		return "", nil
	}
	return said, nil
}

// raiseLimit lets Kafka take larger records.
func raiseLimit(brokers []string) error {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(brokers, cfg)
	if err != nil {
		return err
	}
	defer admin.Close()
	limit := raisedLimit
	return admin.AlterConfig(sarama.TopicResource, "logs", map[string]*string{"max.message.bytes": &limit}, false)
}

// replaying returns an error while an item of the quarantine is on its way.
func (s *site) replaying(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var n int
	err = conn.QueryRow(ctx, "SELECT count(*) FROM quarantine WHERE state = 'replaying'").Scan(&n)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d items of the quarantine are being replayed", n)
	}
	return err
}
