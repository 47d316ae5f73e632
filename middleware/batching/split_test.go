package batching_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"millrace/middleware/batching"
)

// largerThan refuses packed batches of more than n letters on topic t.
func largerThan(n int) func(string, []*message.Message) error {
	return func(topic string, msgs []*message.Message) error {
		_, letters, _ := strings.Cut(string(msgs[0].Payload), ":")
		if topic == "t" && len(letters) > n {
			return errLarge
		}
		return nil
	}
}

// A batch too large for the next publisher is halved, and halved again, always
// at the same places; the pieces' numbers join up.
func TestHalving(t *testing.T) {
	for _, c := range []struct {
		limit int
		want  []string
	}{
		{8, []string{"t/1+8:abcdefgh"}},
		{7, []string{"t/1+4:abcd", "t/5+4:efgh"}},
		{4, []string{"t/1+4:abcd", "t/5+4:efgh"}},
		{3, []string{"t/1+2:ab", "t/3+2:cd", "t/5+2:ef", "t/7+2:gh"}},
		{1, []string{"t/1+1:a", "t/2+1:b", "t/3+1:c", "t/4+1:d", "t/5+1:e", "t/6+1:f", "t/7+1:g", "t/8+1:h"}},
	} {
		// However the units came, the pieces are the same.
		for _, calls := range [][]string{{"abcdefgh"}, {"a", "b", "c", "d", "e", "f", "g", "h"}, {"abc", "defgh"}, {"abcdefg", "h"}} {
			t.Run(fmt.Sprint(c.limit, calls), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					next, saw := &recorder{fail: largerThan(c.limit)}, newWatcher()
					p := open(t, next, letters(batching.Config{MaxMessages: 8, Observer: saw, IsTooLarge: isLarge}))
					publish(t, p, "t", calls...)
					want(t, next.taken(), c.want...)
					for _, line := range saw.saw("flushed") {
						if (len(c.want) > 1) != strings.Contains(line, " split ") {
							t.Errorf("told as %q", line)
						}
					}
				})
			})
		}
	}
}

// Without Split, a batch is cut between its messages only.
func TestHalvingBetweenMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{fail: largerThan(4)}
		cfg := letters(batching.Config{MaxMessages: 8, IsTooLarge: isLarge, PoisonTopic: "poison"})
		cfg.Split = nil
		p := open(t, next, cfg)
		publish(t, p, "t", "a", "bcd", "efgh")
		publish(t, p, "t", "12345", "678")
		want(t, next.taken(), "t/1+4:abcd", "t/5+4:efgh", "poison/12345", "t/14+3:678")
	})
}

// What will never be taken is found among the others, which are sent.
func TestIsolation(t *testing.T) {
	for _, calls := range [][]string{{"abcdeXgh"}, {"a", "b", "c", "d", "e", "X", "g", "h"}, {"abcde", "Xgh"}} {
		t.Run(fmt.Sprint(calls), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &recorder{fail: func(topic string, msgs []*message.Message) error {
					if topic == "t" && strings.Contains(string(msgs[0].Payload), "X") {
						return errBad
					}
					return nil
				}}
				p := open(t, next, letters(batching.Config{MaxMessages: 8, PoisonTopic: "poison", IsPermanent: isBad}))
				publish(t, p, "t", calls...)
				want(t, next.taken(), "t/1+4:abcd", "t/5+1:e", "poison/X", "t/7+2:gh")
			})
		})
	}
}

// A Split that breaks its promises costs full batches, and nothing else.
func TestSplitMisbehaves(t *testing.T) {
	type split = func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error)
	for name, bad := range map[string]split{
		"no units": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			return nil, m, 0, nil
		},
		"less than none": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			return msg("?"), m, -1, nil
		},
		"more than asked for": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			return cutLetters(m, units+1, bytes+1)
		},
		"more than there are": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			return m, nil, len(m.Payload) + 1, nil
		},
		"no head": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			_, tail, n, err := cutLetters(m, units, bytes)
			return nil, tail, n, err
		},
		"no tail": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			head, _, n, err := cutLetters(m, units, bytes)
			return head, nil, n, err
		},
		"a tail of nothing": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			return m, msg(""), len(m.Payload), nil
		},
		"an error": func(m *message.Message, units, bytes int) (*message.Message, *message.Message, int, error) {
			head, tail, n, _ := cutLetters(m, units, bytes)
			return head, tail, n, errBad
		},
		"a panic": func(*message.Message, int, int) (*message.Message, *message.Message, int, error) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &recorder{}
				cfg := letters(batching.Config{MaxMessages: 4, MaxBytes: 100, BufferLimit: 100})
				cfg.Split = bad
				p := open(t, next, cfg)
				publish(t, p, "t", "ab", "cde", "fghijk", "l")
				want(t, next.taken(), "t/1+2:ab", "t/3+3:cde", "t/6+6:fghijk", "t/12+1:l")
			})
		})
	}
}

// A Split that looks at the units alone does not make a batch exceed MaxBytes.
func TestSplitIgnoresBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{}
		cfg := letters(batching.Config{MaxBytes: 4})
		cfg.Split = func(m *message.Message, units, _ int) (*message.Message, *message.Message, int, error) {
			return cutLetters(m, units, len(m.Payload))
		}
		p := open(t, next, cfg)
		publish(t, p, "t", "ab", "cdefgh")
		want(t, next.taken(), "t/1+2:ab", "t/3+1:c", "t/4+1:d", "t/5+4:efgh")
	})
}

// One unit above MaxBytes is sent alone; the next publisher must say that it is
// too large.
func TestAUnitLargerThanABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &recorder{}
		p := open(t, next, batching.Config{MaxBytes: 4, BufferBytes: 100})
		publish(t, p, "t", "ab", "cdefgh", "i")
		want(t, next.taken(), "t/ab", "t/cdefgh", "t/i")

		var batches []int
		words := batching.Config{MaxBytes: 4, BufferBytes: 100, Count: countWords, Split: cutWords,
			Pack: func(b batching.Batch) (*message.Message, error) {
				batches = append(batches, b.Count)
				return packWords(b)
			}}
		next = &recorder{}
		q := open(t, next, words)
		publish(t, q, "t", "a bcdefgh i j")
		want(t, next.taken(), "t/a", "t/bcdefgh", "t/i j")
		if fmt.Sprint(batches) != "[1 1 2]" {
			t.Fatalf("batches of %v", batches)
		}
	})
}

// A unit is a word; a cut costs no byte, and neither does packing save one.
func countWords(m *message.Message) (int, error) { return len(strings.Fields(string(m.Payload))), nil }

func cutWords(m *message.Message, maxUnits, maxBytes int) (head, tail *message.Message, n int, err error) {
	words := strings.Fields(string(m.Payload))
	bytes := -1
	for n < min(len(words), maxUnits) && bytes+1+len(words[n]) <= maxBytes {
		bytes += 1 + len(words[n])
		n++
	}
	if n == 0 {
		return nil, m, 0, nil
	}
	if n < len(words) {
		tail = message.NewMessage(m.UUID, []byte(strings.Join(words[n:], " ")))
	}
	return message.NewMessage(m.UUID, []byte(strings.Join(words[:n], " "))), tail, n, nil
}

func packWords(b batching.Batch) (*message.Message, error) {
	words := make([]string, len(b.Messages))
	for i, m := range b.Messages {
		words[i] = string(m.Payload)
	}
	return msg(strings.Join(words, " ")), nil
}

// Whatever the size of the calls, batches are full under steady load.
func TestBatchesAreFull(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sizes := map[string]func() int{"random": func() int { return 1 + random.IntN(2500) }}
	for _, n := range []int{1, 7, 100, 333, 501, 600, 999, 1000, 1001, 1999, 5000} {
		sizes[fmt.Sprint(n)] = func() int { return n }
	}
	for name, size := range sizes {
		for unit, cfg := range map[string]batching.Config{"by size": {MaxMessages: 1000}, "by bytes": {MaxMessages: 9999, MaxBytes: 1000}} {
			t.Run(name+" "+unit, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var sent, full int
					cfg := letters(cfg)
					cfg.Pack = func(b batching.Batch) (*message.Message, error) {
						if b.Count > 1000 {
							t.Errorf("a batch of %d", b.Count)
						}
						if b.Trigger != batching.ByClose {
							sent += b.Count
							full += 1000
						}
						return msg("packed"), nil
					}
					cfg.Acknowledge = batching.Buffered
					p := open(t, &recorder{}, cfg)
					for total := 0; total < 50_000; {
						n := size()
						total += n
						publish(t, p, "t", strings.Repeat("x", n))
						time.Sleep(time.Millisecond)
					}
					synctest.Wait()
					if errs := p.Close(); errs != nil {
						t.Fatal(errs)
					}
					if sent < 40_000 || float64(sent) < 0.95*float64(full) {
						t.Errorf("%d units in batches that hold %d", sent, full)
					}
				})
			})
		}
	}
}
