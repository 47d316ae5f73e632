package main

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/app"
	"millrace/app/client"
	"millrace/app/synthetic"
	"millrace/handlers"
	"millrace/http/control"
	"millrace/middleware/batching"
	"millrace/middleware/metrics"
)

// runProducer sends synthetic logs to a shipper:
//
//	synthetic ─▶ handlers.Generate ─▶ batching.Publisher ─▶ client ─▶ HTTP
//	                   ▲
//	    http/control ──┤ the rate
//	   settings file ──┘
func runProducer(ctx context.Context, cfg app.Config) error {
	r := newRole("producer", cfg)
	defer r.close()
	lines, err := newLinePublisher(cfg, r.logger, nil)
	if err != nil {
		return err
	}
	defer r.closing("the line publisher", lines.Close)
	counters := metrics.NewProducer(r.registry)
	generate := handlers.NewGenerate(synthetic.New(rand.Uint64()), lines, cfg.Producer.Rate, counters.Generated)

	defer cfg.Live.Hear(func(before, now app.Config) {
		if before.Producer.Rate != now.Producer.Rate {
			generate.SetRate(now.Producer.Rate)
		}
	})()

	e, err := r.newServer(0)
	if err != nil {
		return err
	}
	control.Mount(e, generate)
	if err := r.addServer(e, cfg.Producer.Addr, "producer-addr"); err != nil {
		return err
	}
	r.addLoop(generate.Run)
	return r.run(ctx)
}

// linesDelay is how long a line waits for others to share its request.
const linesDelay = 100 * time.Millisecond

// newLinePublisher returns a publisher of lines, each a log in JSON. It packs
// them into requests to the shipper and sends each until the shipper takes it.
// When the shipper takes them more slowly, Publish blocks. observer may be nil.
func newLinePublisher(cfg app.Config, logger *slog.Logger, observer batching.Observer) (*batching.Publisher, error) {
	target := cfg.Producer.URL
	if target == "" {
		target = cfg.LocalURL(cfg.Shipper.Addr)
	}
	requests, err := client.New(target, cfg.HTTP(target))
	if err != nil {
		return nil, err
	}
	return batching.New(requests, batching.Config{
		MaxMessages:  1000,
		MaxDelay:     linesDelay,
		WhenFull:     batching.Block,
		Acknowledge:  batching.Buffered,
		Pack:         packLines,
		IsPermanent:  app.Permanent, // such as a line that is no log: it is found and given up alone
		CloseTimeout: cfg.Shutdown,
		Observer:     observer,
		Logger:       logger,
	})
}

// packLines joins lines into an NDJSON body.
func packLines(batch batching.Batch) (*message.Message, error) {
	body := make([]byte, 0, batch.Bytes+batch.Count)
	for _, line := range batch.Messages {
		body = append(body, bytes.TrimSuffix(line.Payload, []byte("\n"))...)
		body = append(body, '\n')
	}
	return message.NewMessage(watermill.NewULID(), body), nil
}
