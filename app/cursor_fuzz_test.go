package app_test

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"

	"millrace/app"
)

// FuzzParseCursor: what is taken for a cursor is one that String writes just so,
// of this search, at a time that a log can have.
func FuzzParseCursor(f *testing.F) {
	q := app.Query{Filter: app.Filter{Services: []string{"shop"}}}
	bytesOf := func(version, direction byte, micros, id int64, hash uint64) string {
		b := binary.BigEndian.AppendUint64([]byte{version, direction}, uint64(micros))
		b = binary.BigEndian.AppendUint64(b, uint64(id))
		return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, hash))
	}
	f.Add(byte(1), byte(0), int64(1795428000123456), int64(117440515), "")
	f.Add(byte(1), byte(1), int64(1)<<62, int64(-1), "\n")
	f.Add(byte(1), byte(1), int64(-1)<<63, int64(0), "B")
	f.Add(byte(2), byte(9), int64(0), int64(0), "AQAB")
	f.Fuzz(func(t *testing.T, version, direction byte, micros, id int64, odd string) {
		right := bytesOf(version, direction, micros, id, q.Hash())
		for _, text := range []string{right, right + odd, right[:len(right)-1] + odd, odd} {
			c, err := app.ParseCursor(text, q)
			if err != nil {
				if app.KindOf(err) != app.KindInvalid {
					t.Errorf("%q: %v", text, err)
				}
				continue
			}
			if c.String() != text {
				t.Errorf("%q is read as %+v, which is written %q", text, c, c)
			}
			if year := c.Time.Year(); year < 0 || year > 9999 {
				t.Errorf("%q lies in the year %d", text, year)
			}
		}
		if c, err := app.ParseCursor(bytesOf(version, direction, micros, id, q.Hash()+1), q); err == nil {
			t.Errorf("%+v is another search's", c)
		}
	})
}

// FuzzParseLogID: what is read as an id is written and read again as the same.
func FuzzParseLogID(f *testing.F) {
	for _, seed := range []string{"1841-17", "0-0", "-1-1", "+1-01", "549755813887-16777215", "549755813888-0", "1-16777216", "1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := app.ParseLogID(text)
		if err != nil {
			return
		}
		again, err := app.ParseLogID(id.String())
		if err != nil || again != id || id.Batch() < 1 || id.Place() < 0 || id != app.NewLogID(id.Batch(), id.Place()) {
			t.Errorf("%q is %s, which is %s, %v", text, id, again, err)
		}
	})
}

// FuzzParseLevel: a name, whatever its case, is the level that the level's own
// name is.
func FuzzParseLevel(f *testing.F) {
	for _, seed := range []string{"WARN", "warning", "Fatal", "", "crıt", "ſevere", "LEVEL(7)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		level, ok := app.ParseLevel(text)
		if !ok {
			if level != 0 {
				t.Errorf("%q is none, and %s", text, level)
			}
			return
		}
		for _, same := range []string{level.String(), strings.ToUpper(text), strings.ToLower(level.String())} {
			if again, ok := app.ParseLevel(same); !ok || again != level {
				t.Errorf("%q is %s, and %q is %s", text, level, same, again)
			}
		}
		if app.LevelOfSeverity(level.Severity()) != level {
			t.Errorf("%s has the severity %d", level, level.Severity())
		}
	})
}
