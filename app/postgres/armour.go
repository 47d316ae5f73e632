package postgres

import (
	"errors"
	"regexp"
	"strconv"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"millrace/app"
)

// maxArmoured is how many logs of a batch are put into armour one by one, at a
// COPY of the whole batch each; then all are.
const maxArmoured = 8

// armour is what makes sure that no log stops its batch: repair knows what
// PostgreSQL refuses, but if it refuses a log nevertheless, that log is stored
// as armoured makes it. The zero armour covers nothing.
type armour struct {
	places map[int]bool // in the batch, from 0
	all    bool
}

func (a *armour) covers(place int) bool { return a.all || a.places[place] }

// widen covers the log that an error of COPY is about, and tells whether that
// may help. An error of anything else it leaves to the caller.
func (a *armour) widen(err error) bool {
	place, ok := refusedPlace(err)
	if !ok || a.covers(place) {
		return false
	}
	if place < 0 || len(a.places) == maxArmoured {
		a.all = true
		return true
	}
	if a.places == nil {
		a.places = map[int]bool{}
	}
	a.places[place] = true
	return true
}

// copyPlace is where in a COPY an error arose; the word for "line" depends on
// the server's language.
var copyPlace = regexp.MustCompile(`COPY logs, \D*(\d+)`)

// refusedPlace returns the place of the log whose data a COPY refused, or -1
// when the server does not say. It is false for any other error.
func refusedPlace(err error) (place int, ok bool) {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) || kindOf(refusal.Code) != app.KindInvalid {
		return 0, false
	}
	match := copyPlace.FindStringSubmatch(refusal.Where)
	if match == nil {
		return 0, false
	}
	line, err := strconv.Atoi(match[1])
	return line - 1, err == nil
}

// lacksPartition tells whether a row had no partition to go to, as when another
// process has dropped it.
func lacksPartition(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && (refusal.Code == pgerrcode.CheckViolation || refusal.Code == pgerrcode.UndefinedTable)
}
