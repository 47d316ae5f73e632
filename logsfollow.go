package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	"millrace/app"
	"millrace/app/gateway"
	"millrace/app/terminal"
)

// tail shows the newest logs and then those that come. What comes begins with what
// is in Kafka and not stored yet, and it is there before the stored logs are
// asked for: none is in neither. Those that are in both are shown once.
func (l *logsCommand) tail(ctx context.Context, client *gateway.Client, query url.Values, printer *terminal.Printer, out *bufio.Writer) error {
	if !l.limitSet {
		l.limit = followLimit
	}
	begun := false
	shown := map[app.LiveID]bool{}
	begin := func() error {
		begun = true
		err := l.list(ctx, client.Anew(), query, func(log gateway.RawLog) error {
			if id, ok := liveID(log); ok {
				shown[id] = true
			}
			return printer.Log(log)
		})
		if err != nil && !errors.Is(err, errNoLogs) {
			return err
		}
		return out.Flush()
	}
	following := clone(query, "from", "to", "order")
	following.Set("begin", "stored")
	return client.Tail(ctx, following, func(event gateway.TailEvent) error {
		switch {
		case event.Back && !begun:
			return begin()
		case event.Log == nil:
			tellOfTail(event)
			return nil
		}
		if id, ok := liveID(event.Log); ok && shown[id] {
			delete(shown, id)
			return nil
		}
		if err := printer.Log(event.Log); err != nil {
			return err
		}
		return out.Flush()
	})
}

// tellOfTail says what became of a tail, if that is worth a word.
func tellOfTail(event gateway.TailEvent) {
	switch {
	case event.Back:
		fmt.Fprintln(os.Stderr, "the gateway is back")
	case event.Lost != nil:
		fmt.Fprintf(os.Stderr, "the connection is lost, and made again as soon as it can be: %v\n", event.Lost)
	case event.Missed > 0:
		fmt.Fprintf(os.Stderr, "%d logs were passed over: they came faster than they were read\n", event.Missed)
	case event.Gone > 0:
		fmt.Fprintf(os.Stderr, "%d batches were passed over: Kafka does not have them any more\n", event.Gone)
	}
}

// liveID returns the name that a log has before and after it is stored.
func liveID(raw gateway.RawLog) (app.LiveID, bool) {
	var log app.Log
	if err := json.Unmarshal(raw, &log); err != nil {
		return app.LiveID{}, false
	}
	return log.LiveID()
}
