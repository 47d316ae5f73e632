package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"millrace/app"
)

// classify says what an error of PostgreSQL means. What may pass is
// app.KindUnavailable, a statement that took too long app.KindTimeout, data
// that will be refused for ever app.KindInvalid. The end of the caller's
// context goes through as it is.
func classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return app.Errorf(app.KindUnavailable, "PostgreSQL: %w", err) // no answer: the connection
	}
	return app.Errorf(kindOf(refusal.Code), "PostgreSQL: %w", err)
}

func kindOf(code string) app.Kind {
	switch {
	case code == pgerrcode.QueryCanceled:
		return app.KindTimeout
	case pgerrcode.IsDataException(code),
		pgerrcode.IsIntegrityConstraintViolation(code),
		// An index row, a nesting or a field over the server's own limits.
		pgerrcode.IsProgramLimitExceeded(code):
		if code == pgerrcode.CheckViolation {
			// A row without a partition: another process drops or makes it.
			return app.KindUnavailable
		}
		return app.KindInvalid
	case strings.HasPrefix(code, "42"): // a wrong statement or missing rights: ours, and an operator can mend it
		return app.KindInternal
	default: // resources, locks, deadlocks, shut-down, read-only, …
		return app.KindUnavailable
	}
}
