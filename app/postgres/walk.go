package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// walkChunk is how many rows of a walk are in memory at once.
const walkChunk = 2000

// errEnough ends a walk that has come to its limit.
var errEnough = errors.New("enough")

// Walk implements app.LogWalker by a cursor of the server: the listing is of one
// moment however long it takes, and neither end holds it in memory.
func (r *Reader) Walk(ctx context.Context, query app.Query, visit func(*app.Log) error) error {
	if !findable(query.Filter) {
		return nil
	}
	matcher, err := app.NewMatcher(query.Filter)
	if err != nil {
		return err
	}
	var refused error // the visitor's, which is none of PostgreSQL's
	keep := func(log *app.Log) error {
		refused = visit(log)
		return refused
	}
	err = pgx.BeginTxFunc(ctx, r.db.pool, oneMoment, func(tx pgx.Tx) error {
		// As long as it takes: what bounds it is its reader's patience.
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		return walk(ctx, tx, query, matcher, keep)
	})
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, errEnough):
		return nil
	}
	return classify(ctx, err)
}

func walk(ctx context.Context, tx pgx.Tx, query app.Query, matcher *app.Matcher, visit func(*app.Log) error) error {
	runs, err := worthwhile(ctx, tx, query.Filter, query.OldestFirst)
	if err != nil {
		return err
	}
	statement, args := listStatement(query, runs)
	if _, err := tx.Exec(ctx, "DECLARE walk NO SCROLL CURSOR FOR "+statement, args...); err != nil {
		return err
	}
	visited := 0
	for {
		rows, err := tx.Query(ctx, "FETCH "+strconv.Itoa(walkChunk)+" FROM walk")
		if err != nil {
			return err
		}
		fetched := 0
		err = eachLog(rows, func(log *app.Log) error {
			fetched++
			if !matcher.MatchesPatterns(log.Message) {
				return nil
			}
			if err := visit(log); err != nil {
				return err
			}
			if visited++; visited == query.Limit {
				return errEnough
			}
			return nil
		})
		if err != nil || fetched == 0 {
			return err
		}
	}
}
