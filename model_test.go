package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
	"millrace/middleware/batching/unitstest"
	"millrace/middleware/journal"
)

// This file holds the batching publisher and the journal against a model: a
// list of what was accepted, and a store that knows a batch by its number.

var (
	modelSeed      = flag.Uint64("model-seed", 0, "the seed of one random schedule of TestNothingAcceptedIsLost; 0: many, each with a seed of its own")
	modelSchedules = flag.Int("model-schedules", 600, "how many of them to run")
)

// Whatever fails and whenever it ends, in every life that follows: what was
// accepted is stored once or set aside, what was refused is not, no two batches
// have one number, and no number is missing.
func TestNothingAcceptedIsLost(t *testing.T) {
	if testing.Short() {
		*modelSchedules = min(*modelSchedules, 100)
	}
	seeds := make([]uint64, *modelSchedules)
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	if *modelSeed != 0 {
		seeds = []uint64{*modelSeed}
	}
	sums := make([]modelTally, runtime.GOMAXPROCS(0))
	t.Run("schedules", func(t *testing.T) {
		for i := range sums {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for at := i; at < len(seeds) && !t.Failed(); at += len(sums) {
					runModel(t, seeds[at], &sums[i])
				}
			})
		}
	})
	var sum modelTally
	for _, s := range sums {
		sum.add(s)
	}
	t.Logf("%d schedules: %+v", len(seeds), sum)
	if s := sum; len(seeds) >= 300 && (s.stored == 0 || s.aside == 0 || s.again == 0 || s.refused == 0 || s.crashes == 0 || s.closes == 0 || s.halves == 0 || s.sequences < len(seeds)) {
		t.Errorf("not everything happened: %+v", s)
	}
}

// runModel runs a schedule. The seed fixes what shall happen, though not which
// of the goroutines that could run goes first.
func runModel(t *testing.T, seed uint64, sum *modelTally) {
	dir := modelDir(t)
	defer os.RemoveAll(dir) // in memory
	synctest.Test(t, func(t *testing.T) {
		newModel(t, seed, dir).run(sum)
		if t.Failed() {
			t.Logf("run it again with: go test -run TestNothingAcceptedIsLost . -model-seed %d", seed)
		}
	})
}

// modelDir returns a folder in memory, where there is such a thing.
func modelDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "millrace-model-")
	if err != nil {
		return t.TempDir()
	}
	return dir
}

// modelTally counts what happened.
type modelTally struct{ stored, aside, again, refused, unknown, crashes, closes, halves, sequences, damages int }

// model is the world around the shipper's batching publisher. A unit is a text
// that ends with a semicolon; one with an exclamation mark can never be sent.
type model struct {
	t    *testing.T
	dir  string // of all lives
	seed uint64
	log  *slog.Logger

	mu       sync.Mutex
	random   *rand.Rand
	splits   bool
	units    int // that were made
	limit    int // bytes of a record, in the newest life
	accepted map[string]bool
	refused  map[string]bool
	unknown  map[string]bool
	stored   map[string]string // unit to batch
	aside    map[string]bool
	ledger   map[string]string         // batch to its units
	numbers  map[string]map[int]string // by sequence, what has a number
	tally    modelTally
}

func newModel(t *testing.T, seed uint64, dir string) *model {
	return &model{
		t: t, dir: dir, seed: seed, limit: 3000, random: rand.New(rand.NewPCG(seed, 1)), log: slog.New(slog.DiscardHandler),
		accepted: map[string]bool{}, refused: map[string]bool{}, unknown: map[string]bool{},
		stored: map[string]string{}, aside: map[string]bool{}, ledger: map[string]string{}, numbers: map[string]map[int]string{},
	}
}

func (m *model) intn(n int) int { m.mu.Lock(); defer m.mu.Unlock(); return m.random.IntN(n) }

func (m *model) upTo(d time.Duration) time.Duration { return time.Duration(m.intn(int(d)) + 1) }

// run goes through some lives, and then through one in which all is well.
func (m *model) run(sum *modelTally) {
	m.splits = m.intn(4) > 0
	dir := filepath.Join(m.dir, "0")
	if err := os.Mkdir(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	lives := 1 + m.intn(4)
	for i := range lives {
		l := m.newLife(dir, filepath.Join(m.dir, fmt.Sprint(i+1)))
		l.live()
		if l.disk.isDead() {
			dir = l.disk.image
		}
	}
	l := m.newLife(dir, "")
	l.well = true
	p, err := l.open()
	if err != nil {
		m.t.Fatalf("at the end: %v", err)
	}
	for range 100 {
		if p.Stats().Units == 0 {
			break
		}
		time.Sleep(10 * time.Second)
	}
	if err := p.Close(); err != nil {
		m.t.Errorf("at the end: %v", err)
	}
	m.check()
	sum.add(m.tally)
}

func (s *modelTally) add(o modelTally) {
	s.stored, s.aside, s.again, s.refused, s.unknown = s.stored+o.stored, s.aside+o.aside, s.again+o.again, s.refused+o.refused, s.unknown+o.unknown
	s.crashes, s.closes, s.halves, s.sequences, s.damages = s.crashes+o.crashes, s.closes+o.closes, s.halves+o.halves, s.sequences+o.sequences, s.damages+o.damages
}

// check does the accounts.
func (m *model) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for unit := range m.accepted {
		if m.stored[unit] == "" && !m.aside[unit] {
			m.t.Errorf("unit %.20s was accepted and is lost", unit)
		}
	}
	for unit := range m.refused {
		if m.stored[unit] != "" || m.aside[unit] {
			m.t.Errorf("unit %.20s was refused and is there, in %s", unit, m.stored[unit])
		}
	}
	for sequence, numbers := range m.numbers {
		last := 0
		for number := range numbers {
			last = max(last, number)
		}
		if len(numbers) != last {
			m.t.Errorf("of %d numbers of %s only %d came", last, sequence, len(numbers))
		}
	}
	m.tally.stored, m.tally.aside, m.tally.sequences = len(m.stored), len(m.aside), len(m.numbers)
	m.tally.refused, m.tally.unknown = len(m.refused), len(m.unknown)
}

// life is one life of the process: the next publisher, and a client of it.
type life struct {
	*model
	disk    *unreliable
	well    bool
	fails   float64 // share of tries that fail
	partial bool    // of several batches some may be taken
	limit   int     // bytes of a record
	crashes float64 // share of tries behind which the process ends
	cfg     batching.Config
}

func (m *model) newLife(dir, image string) *life {
	maxMessages := 1 + m.intn(30)
	l := &life{
		model: m, disk: newUnreliable(dir, image, rand.New(rand.NewPCG(m.seed, uint64(m.intn(1<<30))))),
		fails: float64(m.intn(6)) / 10, partial: m.intn(2) == 0, crashes: float64(m.intn(3)) / 20,
		cfg: batching.Config{
			MaxMessages: maxMessages, MaxBytes: 2000 + m.intn(20_000), MaxDelay: m.upTo(10 * time.Second), MaxTogether: 1 + m.intn(4),
			BufferLimit: maxMessages * (1 + m.intn(3)), BufferBytes: 1 << 20, WhenFull: batching.WhenFull(m.intn(2)), Acknowledge: batching.Journaled,
			RetryMin: m.upTo(time.Second), RetryMax: time.Second + m.upTo(5*time.Second), CloseTimeout: m.upTo(20 * time.Second),
			JournaledTopics: []string{"t"}, PoisonTopic: "poison",
			Count:      unitstest.Count,
			IsTooLarge: func(err error) bool { return errors.Is(err, errModelLarge) }, IsPermanent: func(err error) bool { return errors.Is(err, errModelBad) },
		},
	}
	// The limit may be raised between two lives. It must not be lowered: a batch
	// that was taken without an answer would come again as its halves.
	m.limit += m.intn(6000)
	l.limit = m.limit
	if m.splits {
		l.cfg.Split = unitstest.Split
	}
	// A request must fit, whole.
	l.cfg.BufferLimit = max(l.cfg.BufferLimit, 8)
	l.cfg.Pack, l.cfg.OpenJournal, l.cfg.Observer = packModel, l.openJournal, l
	l.cfg.Mark = func(b batching.Batch, msg *message.Message, _ error) {
		msg.Metadata.Set("sequence", b.Sequence)
		msg.Metadata.Set("first", fmt.Sprint(b.First))
	}
	return l
}

func (l *life) openJournal(string) (batching.Journal, error) {
	places := []string{"here", "here", "here", "there"}
	place := places[l.intn(len(places))]
	j, err := journal.Open(journal.Config{
		Dir: l.disk.dir, MaxBytes: 300 << 10, SegmentSize: 64 << 10, CacheBytes: 1 + l.intn(64<<10), GroupBytes: 1 + l.intn(32<<10),
		VFS: l.disk, Disk: l.disk, Logger: l.log, Observer: l,
		// Too little for a reserve, which would take its time.
		Free:  func(string) (int64, error) { return 15 << 20, nil },
		Place: func(string) string { return place },
	})
	if err != nil {
		return nil, err
	}
	return journaled{j}, nil
}

func (l *life) open() (*batching.Publisher, error) { return batching.New(l, l.cfg) }

// live runs the life to its end.
func (l *life) live() {
	end := l.upTo(time.Minute)
	if l.intn(2) == 0 {
		l.disk.left = l.intn(100)
	}
	p, err := l.open()
	if err != nil {
		if !l.disk.isDead() {
			l.t.Errorf("it does not start: %v", err)
		}
		l.ended()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), end)
	var work sync.WaitGroup
	for range 1 + l.intn(3) {
		work.Go(func() { l.publish(ctx, p) })
	}
	work.Go(func() { l.breakDisk(ctx) })
	select {
	case <-l.disk.ended:
	case <-ctx.Done():
		if l.intn(2) == 0 {
			l.disk.end()
		}
	}
	if !l.disk.isDead() {
		l.disk.set("")
	}
	err = p.Close()
	cancel()
	work.Wait()
	if err != nil && !l.disk.isDead() {
		l.t.Errorf("Close: %v", err)
	}
	l.ended()
}

func (l *life) ended() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.disk.isDead() {
		l.tally.closes++
		return
	}
	l.tally.crashes++
	if l.disk.failed != nil {
		l.t.Errorf("copying what is left: %v", l.disk.failed)
	}
}

// breakDisk lets the disk fail for a while, now and then.
func (l *life) breakDisk(ctx context.Context) {
	for ctx.Err() == nil {
		for _, fault := range []string{"", []string{"create", "write", "short", "sync"}[l.intn(4)]} {
			select {
			case <-time.After(l.upTo(30 * time.Second)):
			case <-ctx.Done():
				return
			}
			l.disk.set(fault)
		}
	}
}

// publish is a client. It sends no unit twice, and notes what it is told.
func (l *life) publish(ctx context.Context, p *batching.Publisher) {
	for ctx.Err() == nil && !l.disk.isDead() {
		select {
		case <-time.After(l.upTo(2 * time.Second)):
		case <-ctx.Done():
			return
		}
		units := l.newUnits()
		msg := message.NewMessage("id", []byte(strings.Join(units, "")))
		waiting, cancel := context.WithTimeout(context.Background(), l.upTo(10*time.Second))
		msg.SetContext(waiting)
		err := p.Publish("t", msg)
		cancel()
		dead := l.disk.isDead()
		l.mu.Lock()
		for _, unit := range units {
			switch {
			case dead: // nobody was there to be told
				l.unknown[unit] = true
			case err == nil:
				l.accepted[unit] = true
			default:
				l.refused[unit] = true
			}
		}
		l.mu.Unlock()
	}
}

func (m *model) newUnits() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var units []string
	for range 1 + m.random.IntN(8) {
		m.units++
		unit := fmt.Sprintf("%d.%s;", m.units, strings.Repeat("x", m.random.IntN(2000)))
		if m.random.IntN(100) == 0 {
			unit = "!" + unit
		}
		units = append(units, unit)
	}
	return units
}
