package journal

import "time"

// Ack tells that every unit of a sequence up to last, and every one of the
// sequences before it, has come to its end.
func (j *Journal) Ack(sequence string, last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	generation, ok := j.generationOf(sequence)
	p := position{generation, last}
	if !ok || !j.acked.before(p) {
		return
	}
	j.units -= j.between(j.acked, p)
	j.acked, j.unsaid = p, true
	for len(j.seals) > 0 && !p.before(j.seals[0].last()) {
		j.seals = j.seals[1:]
	}
	for len(j.handed) > 0 && !p.before(j.handed[0].last) {
		j.bytes -= j.handed[0].bytes
		if j.current != nil && j.handed[0].last.generation == j.current.Number {
			j.freed += j.handed[0].bytes
			j.freeIndex = j.handed[0].index
		}
		j.handed = j.handed[1:]
	}
	if j.empty() {
		j.bytes, j.units = 0, 0 // what Open could only guess ends here
	}
	j.bytes, j.units = max(0, j.bytes), max(0, j.units)
	close(j.room)
	j.room = make(chan struct{})
	signal(j.wakeWriter)
}

// empty tells whether all that was taken is acknowledged, with the lock held.
func (j *Journal) empty() bool {
	return j.current != nil && !j.acked.before(position{j.current.Number, j.current.next - 1})
}

// between returns how many units lie behind p up to q, as far as that is known.
func (j *Journal) between(p, q position) int64 {
	n := int64(0)
	for _, item := range j.manifest.Generations {
		switch {
		case item.Number < p.generation || item.Number > q.generation:
		case item.Number == q.generation && item.Number == p.generation:
			n += int64(q.number) - int64(p.number)
		case item.Number == q.generation:
			n += int64(q.number)
		case item.Number == p.generation:
			n += max(0, int64(item.last())-int64(p.number))
		default:
			n += int64(item.last())
		}
	}
	return n
}

func (j *Journal) generationOf(sequence string) (uint32, bool) {
	for _, item := range j.manifest.Generations {
		if item.Sequence == sequence {
			return item.Number, true
		}
	}
	return 0, false
}

func (j *Journal) sequenceOf(generation uint32) string {
	for _, item := range j.manifest.Generations {
		if item.Number == generation {
			return item.Sequence
		}
	}
	return ""
}

// Seals returns the seals that are not acknowledged, oldest first.
func (j *Journal) Seals() []Seal {
	j.mu.Lock()
	defer j.mu.Unlock()
	var seals []Seal
	for _, s := range j.seals {
		seals = append(seals, j.sealOf(s))
	}
	return seals
}

func (j *Journal) sealOf(s entrySeal) Seal {
	return Seal{j.sequenceOf(s.generation), s.first, int(s.count), time.Unix(0, s.at)}
}
