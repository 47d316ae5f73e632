package query

import (
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encodings are the compressions of an export, the best first.
var encodings = []string{"zstd", "gzip"}

// chooseEncoding returns the first of some encodings that an Accept-Encoding
// header allows, or nothing for none.
func chooseEncoding(accept string, of ...string) string {
	for _, encoding := range of {
		if allows(accept, encoding) {
			return encoding
		}
	}
	return ""
}

// allows tells whether a header takes an encoding, by its name or, where it is not
// named, by *.
func allows(accept, encoding string) bool {
	others := false
	for entry := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(entry, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64) // what is no number is none
		}
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, encoding):
			return weight > 0
		case name == "*":
			others = weight > 0
		}
	}
	return others
}

func newCompressor(encoding string, to io.Writer) (io.WriteCloser, error) {
	switch encoding {
	case "gzip":
		return gzip.NewWriterLevel(to, gzip.BestSpeed)
	case "zstd":
		// One at a time: the encoder then starts no goroutines.
		return zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	default:
		return plain{to}, nil
	}
}

// plain is a compressor that is none.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }
