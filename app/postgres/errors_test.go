package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"millrace/app"
)

func TestClassify(t *testing.T) {
	for code, want := range map[string]app.Kind{
		"22001": app.KindInvalid, "22003": app.KindInvalid, "22008": app.KindInvalid, "22021": app.KindInvalid, "22P02": app.KindInvalid,
		"22P04": app.KindInvalid, "22P05": app.KindInvalid, "23502": app.KindInvalid, "23505": app.KindInvalid, "54000": app.KindInvalid, "54001": app.KindInvalid,
		"23514": app.KindUnavailable, // no partition for a row
		"42P01": app.KindUnavailable, // a partition that was dropped
		"08006": app.KindUnavailable, "25006": app.KindUnavailable, "28P01": app.KindUnavailable, "3D000": app.KindUnavailable,
		"40001": app.KindUnavailable, "40P01": app.KindUnavailable, "53100": app.KindUnavailable, "53200": app.KindUnavailable, "53300": app.KindUnavailable,
		"55P03": app.KindUnavailable, "57P01": app.KindUnavailable, "57P02": app.KindUnavailable, "57P03": app.KindUnavailable,
		"58030": app.KindUnavailable, "XX000": app.KindUnavailable, "XX001": app.KindUnavailable,
		"57014": app.KindTimeout,
		"42501": app.KindInternal, "42703": app.KindInternal, "42601": app.KindInternal,
	} {
		err := classify(t.Context(), fmt.Errorf("storing: %w", &pgconn.PgError{Code: code}))
		if got := app.KindOf(err); got != want || app.Permanent(err) != (want == app.KindInvalid) {
			t.Errorf("%s is of kind %d, want %d", code, got, want)
		}
	}
	own := classify(t.Context(), &pgconn.PgError{Code: "23514", ConstraintName: "no_secrets"})
	if app.KindOf(own) != app.KindInvalid {
		t.Errorf("an operator's own constraint became %v", own)
	}
	for _, err := range []error{io.ErrUnexpectedEOF, &net.OpError{Op: "dial", Err: errors.New("connection refused")}, sql.ErrConnDone, pgconn.ErrConnClosed} {
		if got := classify(t.Context(), err); app.KindOf(got) != app.KindUnavailable || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	// A limit of our own is the server's doing; the caller's is the caller's.
	if got := classify(t.Context(), fmt.Errorf("dial: %w", context.DeadlineExceeded)); app.KindOf(got) != app.KindUnavailable {
		t.Errorf("a limit of ours became %v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fmt.Errorf("closed: %w", context.Canceled); classify(ended, err) != err {
		t.Error("the caller's end did not go through")
	}
	known := app.Errorf(app.KindConflict, "two shippers go by one name")
	if got := classify(t.Context(), known); got != error(known) {
		t.Errorf("a known error became %v", got)
	}
	if classify(t.Context(), nil) != nil {
		t.Error("nil became an error")
	}
}
