package app

import (
	"slices"
	"strconv"
	"strings"
)

// Snapshot says which transactions of the store a reader could see, in
// PostgreSQL's text form of pg_snapshot: "xmin:xmax:xip,xip". Transactions
// below xmin are visible, and those below xmax that are not in the list. The
// empty Snapshot sees nothing.
type Snapshot string

// Sees tells whether the transaction was visible. A Snapshot that cannot be
// read sees nothing.
func (s Snapshot) Sees(transaction uint64) bool {
	p, ok := s.parse()
	return ok && p.sees(transaction)
}

// Includes tells whether everything that the other snapshot sees is visible in
// this one too.
func (s Snapshot) Includes(other Snapshot) bool {
	p, ok := s.parse()
	o, otherOK := other.parse()
	if !otherOK {
		return other == "" && ok
	}
	if !ok || p.xmax < o.xmax {
		return false
	}
	return !slices.ContainsFunc(p.running, o.sees)
}

type parsedSnapshot struct {
	xmin, xmax uint64
	running    []uint64 // between xmin and xmax, and not visible
}

func (p parsedSnapshot) sees(transaction uint64) bool {
	return transaction < p.xmin || transaction < p.xmax && !slices.Contains(p.running, transaction)
}

func (s Snapshot) parse() (p parsedSnapshot, ok bool) {
	bounds := strings.SplitN(string(s), ":", 3)
	if len(bounds) != 3 {
		return p, false
	}
	var errMin, errMax error
	p.xmin, errMin = strconv.ParseUint(bounds[0], 10, 64)
	p.xmax, errMax = strconv.ParseUint(bounds[1], 10, 64)
	if errMin != nil || errMax != nil {
		return p, false
	}
	for running := range strings.SplitSeq(bounds[2], ",") {
		if running == "" {
			continue
		}
		transaction, err := strconv.ParseUint(running, 10, 64)
		if err != nil {
			return p, false
		}
		p.running = append(p.running, transaction)
	}
	return p, true
}
