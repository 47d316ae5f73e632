package kafka

import (
	"errors"

	"github.com/IBM/sarama"
)

// IsTooLarge tells whether a record was refused because of its size, so that
// it must be cut.
func IsTooLarge(err error) bool {
	return errors.Is(err, sarama.ErrMessageSizeTooLarge) || errors.Is(err, sarama.ErrInvalidMessageSize)
}

// IsPermanent tells whether the broker will refuse the same record for ever.
func IsPermanent(err error) bool {
	return IsTooLarge(err) || errors.Is(err, sarama.ErrInvalidMessage) || errors.Is(err, sarama.ErrInvalidRecord)
}
