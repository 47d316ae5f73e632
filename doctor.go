package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/kafka"
	"millrace/app/postgres"
	"millrace/app/redis"
	"millrace/middleware/journal"
)

// errUnwell is what doctor ends with when something will not do.
var errUnwell = errors.New("something will not do: see above")

// doctorTimeout bounds the examination of one server.
const doctorTimeout = 15 * time.Second

// newDoctorCommand returns the command that examines what Millrace runs on.
func newDoctorCommand(cfg *app.Config) *cobra.Command {
	var quiet bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check Kafka, PostgreSQL, Redis, the clocks and the journal's disk, and say what to change",
		Long: `Check what the settings name: Kafka (topics, partitions, replicas, the size of its
messages against that of a batch), PostgreSQL (version, rights, extensions,
connections, durability), the server that is searched in its place (whether it is
a replica, how far behind, what its user may do), Redis, their clocks, the disk
of the journal, and the files of certificates. It changes nothing but for a file
in the data folder, which it writes to time the disk and removes.

It ends with 0 when all will do, even if some could be better, and with 1 when
logs would be refused, lost or not stored.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := examine(cmd.Context(), *cfg)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if _, err := io.WriteString(cmd.OutOrStdout(), prescribe(found, quiet)); err != nil {
				return err
			}
			if slices.ContainsFunc(found, func(d app.Diagnosis) bool { return d.Verdict == app.VerdictWrong }) {
				return errUnwell
			}
			return nil
		},
	}
	command.Flags().BoolVar(&quiet, "quiet", false, "say nothing of what is fine or not set")
	return command
}

// examine examines everything that is set, side by side.
func examine(ctx context.Context, cfg app.Config) []app.Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	examinations := []func() []app.Diagnosis{
		func() []app.Diagnosis {
			if len(cfg.Kafka.Brokers) == 0 {
				return embeddedOnly("Kafka", "kafka-brokers")
			}
			return kafka.Examine(ctx, cfg.Kafka, cfg.Batching.MaxBytes)
		},
		func() []app.Diagnosis {
			if cfg.Postgres.URL == "" {
				return embeddedOnly("PostgreSQL", "postgres-url")
			}
			return postgres.Examine(ctx, cfg.Postgres)
		},
		func() []app.Diagnosis {
			if cfg.Postgres.ReadURL == "" {
				x := app.NewExamination("searches")
				x.Unset("postgres-read-url is not set: searches go to the server of postgres-url")
				return x.Found()
			}
			return postgres.ExamineSearched(ctx, cfg.Postgres)
		},
		func() []app.Diagnosis {
			if cfg.Redis.Addr == "" {
				return embeddedOnly("Redis", "redis-addr")
			}
			return redis.Examine(ctx, cfg.Redis)
		},
		func() []app.Diagnosis { return examineJournal(cfg) },
		func() []app.Diagnosis { return examineCertificates(cfg) },
	}
	results := make([]chan []app.Diagnosis, len(examinations))
	for i, one := range examinations {
		results[i] = make(chan []app.Diagnosis, 1)
		go func() { results[i] <- one() }()
	}
	var found []app.Diagnosis
	for _, result := range results {
		found = append(found, <-result...)
	}
	return found
}

// embeddedOnly says that a server is none of the user's own.
func embeddedOnly(about, setting string) []app.Diagnosis {
	x := app.NewExamination(about)
	x.Unset("%s is not set: millrace up brings its own, and the other roles need one", setting)
	return x.Found()
}

// examineCertificates looks at the files of the servers' certificate, and of
// those that clients trust.
func examineCertificates(cfg app.Config) []app.Diagnosis {
	x := app.NewExamination("TLS")
	const advice = "name PEM files that this user may read"
	if cfg.TLS.Cert != "" {
		if err := loadPair(cfg.TLS); err != nil {
			x.Wrong(advice, "%v", err)
		} else {
			x.Fine("the certificate in %s and its key can be used", cfg.TLS.Cert)
		}
	}
	if cfg.TLS.CA != "" {
		if err := loadTrusted(cfg); err != nil {
			x.Wrong(advice, "%v", err)
		} else {
			x.Fine("the certificates in %s can be used", cfg.TLS.CA)
		}
	}
	return x.Found()
}

// prescribe tells of each finding, and below it what to change.
func prescribe(found []app.Diagnosis, quiet bool) string {
	var out strings.Builder
	for _, d := range found {
		if quiet && (d.Verdict == app.VerdictFine || d.Verdict == app.VerdictUnset) {
			continue
		}
		fmt.Fprintf(&out, "%-6s  %-10s  %s\n", d.Verdict, d.About, d.Finding)
		if d.Advice != "" {
			fmt.Fprintf(&out, "%-6s  %-10s  → %s\n", "", "", d.Advice)
		}
	}
	return out.String()
}

const (
	// syncs is how many writes are timed.
	syncs = 8
	// slowSync is beyond what a disk takes that is made for writing.
	slowSync = 20 * time.Millisecond
)

// examineJournal looks at the disk on which a shipper keeps its journal.
func examineJournal(cfg app.Config) []app.Diagnosis {
	x := app.NewExamination("journal")
	if cfg.Batching.Acknowledge != "journaled" {
		x.Better("set batching-acknowledge to journaled, unless logs may be lost", "there is none (batching-acknowledge is %s)", cfg.Batching.Acknowledge)
		return x.Found()
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if errors.Is(err, os.ErrNotExist) {
		x.Better("make it, or set data-dir to another", "the data folder %s does not exist yet: its disk is not known", cfg.DataDir)
		return x.Found()
	}
	took, syncErr := timeSyncs(dir)
	free, freeErr := journal.FreeBytes(dir)
	if err := errors.Join(err, syncErr, freeErr); err != nil {
		x.Wrong("let this user write there, or set data-dir to another folder", "the data folder %s cannot be used: %v", dir, err)
		return x.Found()
	}
	const megabyte = 1_000_000
	switch room := int64(float64(free) * cfg.Journal.DiskShare); {
	case room < 100*megabyte:
		x.Wrong("free its disk, or set data-dir to another", "the journal may take %d MB, and fills within moments when Kafka is away", room/megabyte)
	case room < cfg.Journal.MaxBytes:
		x.Better("free its disk, or set data-dir to another", "the journal may take %d MB of its disk's %d MB free, less than journal-max-bytes", room/megabyte, free/megabyte)
	default:
		x.Fine("the journal may take %d MB, and %d MB are free", cfg.Journal.MaxBytes/megabyte, free/megabyte)
	}
	if took > slowSync {
		x.Better("use a disk with a write cache that is safe; requests that come together share one write", "a write takes %s to be on disk, and every request waits for one", took)
	} else {
		x.Fine("a write takes %s to be on disk", took)
	}
	return x.Found()
}

// timeSyncs returns the median time that a small write takes to be on the disk
// of a folder.
func timeSyncs(dir string) (median time.Duration, err error) {
	file, err := os.CreateTemp(dir, "doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	times := make([]time.Duration, syncs)
	for i := range times {
		began := time.Now()
		if _, err := file.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[syncs/2].Round(10 * time.Microsecond), nil
}
