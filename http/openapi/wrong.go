package openapi

import (
	"errors"

	"millrace/app"
)

// Wrong collects what is wrong with a request.
type Wrong struct{ errs []error }

// Add notes that a parameter is wrong; see app.Errorf.
func (w *Wrong) Add(field, format string, args ...any) {
	err := app.Errorf(app.KindInvalid, format, args...)
	err.Field = field
	w.errs = append(w.errs, err)
}

// AddError notes an error that names its parameter itself.
func (w *Wrong) AddError(err error) { w.errs = append(w.errs, err) }

// Any tells whether anything is wrong.
func (w *Wrong) Any() bool { return len(w.errs) > 0 }

// Err returns all of it, joined, or nil.
func (w *Wrong) Err() error { return errors.Join(w.errs...) }
