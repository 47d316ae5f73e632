// Millrace carries logs from programs to a place where they can be queried.
//
// One binary holds every role of the pipeline:
//
//	producer ──HTTP──▶ shipper ──batches──▶ Kafka ──▶ consumer ──▶ PostgreSQL ◀── gateway ◀── you
//	                                                      └──▶ Redis ◀──────────────┘
//
// Each role has a file, which wires it from top to bottom; the rooms it is wired
// from are described in docs/design.md.
//
//	roles      up.go         all of them in one process, on embedded servers
//	           producer.go   synthetic logs
//	           shipper.go    intake, batches, Kafka
//	           consumer.go   Kafka, PostgreSQL, the quarantine
//	           gateway.go    queries and pages
//	their      role.go       what every role is built with, and how it runs and stops
//	parts      stores.go     the connections to PostgreSQL and Redis
//	           journal.go    the shipper's journal
//	           codec.go      batching, told what a log is
//	           refused.go    logs that no topic takes
//	           access.go     keys and certificates
//	           logging.go    our own log
//	           reload.go     settings taken anew while it runs
//	commands   send.go       ship files
//	           logs.go       show logs; logsfollow.go goes on, logfilter.go has the filters
//	           verify.go     is every log there, once?
//	           poison.go     the quarantine
//	           journalcmd.go look into a journal
//	           keycmd.go     API keys
//	           configcmd.go  the settings in effect; reference.go describes them all
//	           doctor.go     do the servers suit the settings?
//	           health.go     is a role healthy?
//	           version.go
//	settings   settings.go   flags and environment; settingsfile.go the YAML file
//	           clientusage.go the help of commands that need few settings
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"millrace/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C must not be swallowed: after the first, signals kill. But
	// one order to stop may come as two signals at once: timeout(1) gives it to
	// the process and to its group, and so may whoever runs ./task up.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })

	command, err := newCommand().ExecuteContextC(ctx)
	code := exitCode(command, err)
	if code != 0 {
		fmt.Fprintln(os.Stderr, "millrace:", err)
	}
	os.Exit(code)
}

// exitCode is 0 also for a role that was told to stop. A verification that was
// told so could not tell; logs and verify end with 1 only when the answer is no.
func exitCode(command *cobra.Command, err error) int {
	switch {
	case err == nil:
		return 0
	case command.Name() == "verify" && !errors.Is(err, errNotWhole):
		return exitUnknown
	case errors.Is(err, context.Canceled):
		return 0
	case command.Name() == "logs" && !errors.Is(err, errNoLogs):
		return exitUnknown
	default:
		return 1
	}
}

// newCommand returns the command line. Every role takes the same settings.
func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "millrace",
		Short:         "A batching log shipper and log store",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cfg := app.DefaultConfig()
	settings := bindSettings(root.PersistentFlags(), &cfg)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.HasSubCommands() {
			return nil // it shows its help alone
		}
		if err := settings.load(); err != nil {
			return err
		}
		return settings.validate(&cfg)
	}
	role := func(use, short string, run func(context.Context, app.Config) error) {
		root.AddCommand(&cobra.Command{
			Use: use, Short: short, Args: noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return settings.watched(cmd.Context(), cfg, newLogger(cfg), run)
			},
		})
	}
	role("up", "Run every role in one process, with embedded servers where none are set", runUp)
	role("producer", "Send synthetic logs to a shipper", runProducer)
	role("shipper", "Take logs over HTTP and ship them to Kafka in batches", runShipper)
	role("consumer", "Store the batches in PostgreSQL", runConsumer)
	role("gateway", "Answer queries over HTTP", runGateway)
	root.AddCommand(newSendCommand(&cfg), newLogsCommand(&cfg), newVerifyCommand(&cfg), newJournalCommand(&cfg), newPoisonCommand(&cfg), newKeyCommand(&cfg),
		newConfigCommand(&cfg, settings), newDoctorCommand(&cfg), newHealthCommand(&cfg), newVersionCommand())
	explain(root)
	return root
}
