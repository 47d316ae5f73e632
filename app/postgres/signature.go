package postgres

import (
	"math/bits"
	"strings"
	"time"

	"millrace/app"
)

const (
	// signatureBits is the size of a full signature. With its row it fits into a
	// page; and it can be halved six times, which a position taken modulo the
	// size survives.
	signatureBits = 61_440
	smallestBits  = signatureBits >> 6
	// runLogs is the most logs of a run.
	runLogs = 1000
	// fullBits ends a run before its signatures say yes to everything.
	fullBits = signatureBits / 2
	// sparse is the share of bits, 1 in so many, below which a signature is halved.
	sparse = 8
	// Bits that are set for each trigram, and for each field: of a text many
	// trigrams are looked for at once, of a field often one.
	trigramProbes = 2
	fieldProbes   = 4
)

// signature is a Bloom filter.
type signature struct {
	words [signatureBits / 64]uint64
	set   int
}

func (s *signature) reset() { *s = signature{} }

func (s *signature) add(hash uint64, probes int) {
	for i := range probes {
		at := probe(hash, i) % signatureBits
		word, bit := &s.words[at/64], uint64(1)<<(at%64)
		if *word&bit == 0 {
			*word |= bit
			s.set++
		}
	}
}

// probe is the i-th position that a hash stands for, before it is taken modulo
// the size. It fits into a bigint.
func probe(hash uint64, i int) uint64 {
	step := hash>>32 | 1
	return (hash&(1<<32-1) + uint64(i)*step) & (1<<62 - 1)
}

// pack returns the signature as PostgreSQL's get_bit reads it, halved as often
// as it is sparse.
func (s *signature) pack() []byte {
	words, size, set := s.words[:], signatureBits, s.set
	for size > smallestBits && set*sparse < size {
		size /= 2
		words, set = fold(words, size)
	}
	packed := make([]byte, size/8)
	for i := range packed {
		packed[i] = byte(words[i/8] >> (i % 8 * 8))
	}
	return packed
}

// fold lays the second half of a signature over its first. Each size is a
// multiple of 64.
func fold(words []uint64, size int) (folded []uint64, set int) {
	folded = make([]uint64, size/64)
	for i := range folded {
		folded[i] = words[i] | words[i+len(folded)]
		set += bits.OnesCount64(folded[i])
	}
	return folded, set
}

// run is what a run of a batch's logs holds.
type run struct {
	firstPlace, lastPlace int
	firstTime, lastTime   time.Time // to the microsecond
	outside               bool      // it has logs outside the window
	text, fields          []byte
}

// signer makes the runs of a batch.
type signer struct {
	runs         []run
	current      run
	count        int
	text, fields signature
	leaves       leaves
}

func (s *signer) reset() {
	s.runs, s.count = s.runs[:0], 0
	s.text.reset()
	s.fields.reset()
}

// add takes in the log at a place.
func (s *signer) add(place int, log *app.Log, outside bool) {
	if s.count == runLogs || s.count > 0 && (s.text.set > fullBits || s.fields.set > fullBits) {
		s.finish()
	}
	at := log.Time.Truncate(time.Microsecond)
	if s.count == 0 {
		s.current = run{firstPlace: place, firstTime: at, lastTime: at}
	}
	s.count++
	s.current.lastPlace = place
	s.current.outside = s.current.outside || outside
	if at.Before(s.current.firstTime) {
		s.current.firstTime = at
	}
	if at.After(s.current.lastTime) {
		s.current.lastTime = at
	}
	addTrigrams(&s.text, log.Message)
	s.addFields(log)
}

// finish closes the run, if there is one.
func (s *signer) finish() {
	if s.count == 0 {
		return
	}
	s.current.text, s.current.fields = s.text.pack(), s.fields.pack()
	s.runs = append(s.runs, s.current)
	s.count = 0
	s.text.reset()
	s.fields.reset()
}

// Names of the fields that are no attributes. No attribute is called so: a path
// never begins with a NUL.
const (
	tokenService = "\x00service"
	tokenHost    = "\x00host"
	tokenTrace   = "\x00trace"
)

func (s *signer) addFields(log *app.Log) {
	s.fields.add(token(tokenService, log.Service), fieldProbes)
	s.fields.add(token(tokenHost, log.Host), fieldProbes)
	if log.TraceID != "" {
		s.fields.add(token(tokenTrace, strings.ToLower(log.TraceID)), fieldProbes)
	}
	if len(log.Attributes) > 0 {
		s.leaves.each(log.Attributes, func(hash uint64) { s.fields.add(hash, fieldProbes) })
	}
}
