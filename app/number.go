package app

import (
	"regexp"
	"strconv"
	"strings"
)

// numberForm is a number as JSON writes it, of a size that is cheap to compare.
var numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$`)

// IsNumber tells whether an AttributeFilter's value is a number, too.
func IsNumber(value string) bool { return numberForm.MatchString(value) }

// decimal is a number in the one way to write it: no digit of it is a zero at
// either end, and 0 has none.
type decimal struct {
	negative bool
	digits   string
	exponent int // of ten, which a point before the digits is multiplied by
}

// decimalOf reads a number as JSON writes it, however long it is.
func decimalOf(number string) decimal {
	var d decimal
	number, d.negative = strings.CutPrefix(number, "-")
	if at := strings.IndexAny(number, "eE"); at >= 0 {
		// What is beyond an int is as far away from everything else.
		d.exponent, _ = strconv.Atoi(number[at+1:])
		number = number[:at]
	}
	whole, fraction, _ := strings.Cut(number, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return decimal{}
	}
	d.exponent += len(digits) - len(fraction)
	d.digits = strings.TrimRight(digits, "0")
	return d
}
