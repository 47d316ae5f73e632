package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"millrace/app"
)

// classify says what an error of PostgreSQL means. What may pass is
// app.KindUnavailable, a statement that took too long app.KindTimeout, data
// that will be refused for ever app.KindInvalid, and what an operator must mend
// (a missing right, a foreign schema) app.KindInternal. An error that has a
// kind already goes through as it is, and so does the end of ctx, which is the
// caller's: a limit of our own that ran out is the server's doing.
func classify(ctx context.Context, err error) error {
	var known *app.Error
	if err == nil || errors.As(err, &known) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return app.Errorf(app.KindUnavailable, "PostgreSQL: %w", err) // no answer: the connection
	}
	if refusal.Code == pgerrcode.QueryCanceled && ctx.Err() != nil {
		return ctx.Err() // the server tells of it before our own side does
	}
	return app.Errorf(kindOf(refusal), "PostgreSQL: %w", err)
}

func kindOf(refusal *pgconn.PgError) app.Kind {
	code := refusal.Code
	switch {
	case code == pgerrcode.QueryCanceled: // statement_timeout; the caller's own cancellation was caught before
		return app.KindTimeout
	case lacksPartition(refusal):
		return app.KindUnavailable // another process drops it or makes it
	case pgerrcode.IsDataException(code),
		pgerrcode.IsIntegrityConstraintViolation(code),
		pgerrcode.IsProgramLimitExceeded(code): // an index row, a nesting or a field over the server's own limits
		return app.KindInvalid
	case strings.HasPrefix(code, "42"): // a wrong statement or missing rights
		return app.KindInternal
	default: // resources, locks, deadlocks, shut-down, read-only, …
		return app.KindUnavailable
	}
}

// address is where a server is, and the setting that says so.
type address struct {
	*pgx.ConnConfig
	setting string
}

// unusable tells in one sentence why a server cannot be used, and where to
// mend it.
func unusable(at address, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	where := fmt.Sprintf("PostgreSQL at %s:%d", at.Host, at.Port)
	var refusal *pgconn.PgError
	var network *net.OpError
	var lookup *net.DNSError
	switch {
	case errors.As(err, &refusal) && pgerrcode.IsInvalidAuthorizationSpecification(refusal.Code):
		where += fmt.Sprintf(" does not let user %q in: check user and password", at.User)
	case errors.As(err, &refusal) && refusal.Code == pgerrcode.InvalidCatalogName:
		where += fmt.Sprintf(" has no database %q: create it, or name another", at.Database)
	case errors.As(err, &refusal):
		where += " answers " + refusal.Message + ": see to it, or name another server"
	case errors.As(err, &network):
		where += " cannot be reached (" + network.Err.Error() + "): start it, or name another server"
	case errors.As(err, &lookup):
		where += " cannot be reached (" + lookup.Err + "): check the name, or name another server"
	case errors.Is(err, context.DeadlineExceeded):
		where += " does not answer: start it, or name another server"
	default: // TLS and the like, which may go over several lines
		where += " cannot be used (" + strings.Join(strings.Fields(err.Error()), " ") + "): see to it, or name another server"
	}
	return &app.Error{Kind: app.KindUnavailable, Message: where + " in --" + at.setting, Err: err}
}
