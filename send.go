package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/lines"
	"millrace/middleware/batching"
)

// newSendCommand returns the command that ships files and standard input:
//
//	lines ─▶ batching.Publisher ─▶ client ─▶ HTTP
func newSendCommand(cfg *app.Config) *cobra.Command {
	read := lines.Config{Stdin: os.Stdin}
	command := &cobra.Command{
		Use:   "send [FILE…]",
		Short: "Ship lines from files, or from standard input, to a shipper",
		Long: `Ship lines from files, or from standard input, to a shipper.

A line that is a JSON object is sent as it is, a logfmt line as its fields, and
anything else as the message. Files that end in .gz are decompressed.`,
		Example: "  dmesg | millrace send --service kernel\n  millrace send -f /var/log/*.log",
		RunE: func(cmd *cobra.Command, files []string) error {
			read.Files = files
			return runSend(cmd.Context(), *cfg, read)
		},
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // logs then name none
	}
	flags := command.Flags()
	flags.BoolVarP(&read.Follow, "follow", "f", false, "go on as the files grow; one that is replaced is followed too")
	flags.StringVar(&read.Service, "service", "", "service of logs that name none (default: the name of the file)")
	flags.StringVar(&read.Host, "host", host, "host of logs that name none")
	return command
}

// sendStop is how long a send that is interrupted may still flush.
const sendStop = 5 * time.Second

func runSend(ctx context.Context, cfg app.Config, read lines.Config) error {
	if read.Follow {
		cfg.Shutdown = sendStop // it ends by being interrupted, and whoever does that waits
	}
	ctx, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)
	tally := &sendTally{barred: refuse}
	to, err := newLinePublisher(cfg, newLogger(cfg), tally)
	if err != nil {
		return err
	}
	done := showProgress(&read)
	err = lines.Read(ctx, read, func(line []byte) error {
		msg := message.NewMessage(watermill.NewULID(), bytes.Clone(line))
		msg.SetContext(ctx)
		return to.Publish(app.TopicLogs, msg)
	})
	closeErr := to.Close()
	done()
	fmt.Fprintf(os.Stderr, "%d logs sent\n", tally.sent.Load())
	switch {
	case app.BarsEntry(context.Cause(ctx)):
		return context.Cause(ctx)
	case err != nil && ctx.Err() == nil:
		return err
	case errors.Is(closeErr, batching.ErrNotFlushed):
		return fmt.Errorf("not everything was sent: %w", tally.lastFailure(closeErr))
	case closeErr != nil:
		return closeErr
	case tally.refused.Load() > 0:
		return fmt.Errorf("the shipper refused %d logs; the last one: %w", tally.refused.Load(), *tally.reason.Load())
	}
	return nil
}

// showProgress draws a bar on a terminal when it is known how much there is to
// read. The function it returns ends it.
func showProgress(read *lines.Config) (done func()) {
	total, known := read.Size()
	if !known || !isatty.IsTerminal(os.Stderr.Fd()) {
		return func() {}
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	read.Read = func(n int) { _ = bar.Add(n) }
	return func() { _ = bar.Finish() }
}

// sendTally counts what becomes of the lines. It is the publisher's Observer.
type sendTally struct {
	sent, refused   atomic.Int64
	reason, failure atomic.Pointer[error] // the last ones
	barred          func(error)           // is told that the shipper does not let us in
}

func (*sendTally) Taken(string, int)    {}
func (*sendTally) Dropped(string, int)  {}
func (*sendTally) Rejected(string, int) {}

func (t *sendTally) FlushFailed(_ batching.Batch, _ int, err error) {
	t.failure.Store(&err)
	if app.BarsEntry(err) {
		t.barred(err)
	}
}

// lastFailure returns why the last try failed, or otherwise if none did.
func (t *sendTally) lastFailure(otherwise error) error {
	if failure := t.failure.Load(); failure != nil {
		return *failure
	}
	return otherwise
}

func (t *sendTally) Flushed(batch batching.Batch, _ time.Duration) { t.sent.Add(int64(batch.Count)) }

func (t *sendTally) Poisoned(_ string, reason error, _ bool) {
	t.refused.Add(1)
	t.reason.Store(&reason)
}
