package openapi

// Value returns what a parameter of a generated server says, or nothing.
func Value[T any](parameter *T) (zero T) { return Or(parameter, zero) }

// Or returns what a parameter of a generated server says, or else its default.
func Or[T any](parameter *T, otherwise T) T {
	if parameter == nil {
		return otherwise
	}
	return *parameter
}
