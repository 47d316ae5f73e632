package postgres

import (
	"errors"
	"regexp"
	"strconv"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxArmoured is how many logs of a batch are put into armour one by one, at a
// COPY of the whole batch each; then all that need it are looked for.
const maxArmoured = 8

// armour is what makes sure that no log stops its batch: repair knows what
// PostgreSQL refuses, but if it refuses a log nevertheless, that log is stored
// as armoured makes it. The zero armour covers nothing.
type armour struct {
	places map[int]bool // in the batch, from 0
}

func (a *armour) covers(place int) bool { return a.places[place] }

// widen covers the log that an error of COPY is about, and tells whether that
// may help. It does not when the server does not say which log it is.
func (a *armour) widen(err error) bool {
	place, ok := refusedPlace(err)
	if !ok || len(a.places) >= maxArmoured {
		return false
	}
	return a.cover(apart{place: err})
}

// cover covers logs, and tells whether any of them was not yet.
func (a *armour) cover(logs apart) (more bool) {
	for place := range logs {
		if a.covers(place) {
			continue
		}
		if a.places == nil {
			a.places = map[int]bool{}
		}
		a.places[place] = true
		more = true
	}
	return more
}

// copyPlace is where in a COPY an error arose; the word for "line" depends on
// the server's language.
var copyPlace = regexp.MustCompile(`COPY logs, \D*(\d+)`)

// refusedPlace returns the place of the log whose data a COPY refused, if the
// server says so.
func refusedPlace(err error) (place int, ok bool) {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return 0, false
	}
	match := copyPlace.FindStringSubmatch(refusal.Where)
	if match == nil {
		return 0, false
	}
	line, err := strconv.Atoi(match[1])
	return line - 1, err == nil && line > 0
}

// lacksPartition tells whether a row had no partition to go to, as when another
// process has dropped it: a violation of a constraint that has no name, unlike
// an operator's own.
func lacksPartition(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && (refusal.Code == pgerrcode.CheckViolation && refusal.ConstraintName == "" || refusal.Code == pgerrcode.UndefinedTable)
}
