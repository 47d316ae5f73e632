package app

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a piece of a text of logs that can be shown to people. Such texts are
// written by anybody: Text has no control characters but tabs and line breaks,
// and nothing that turns the order of what is around it.
type Span struct {
	Text  string
	Style Style
	// Control is what was a control character, or a whole sequence of a
	// terminal, in the original. Text tells which, visibly.
	Control bool
}

// Style is how a terminal would show a Span.
type Style struct {
	Foreground, Background       Color
	Bold, Dim, Italic, Underline bool
	Inverse                      bool
}

// Color is one of a terminal's sixteen; the zero Color is its default.
type Color uint8

// ColorNames are those of Color 1 to 16, in order.
var ColorNames = [...]string{
	"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
	"bright-black", "bright-red", "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white",
}

// maxSpans bounds what a hostile text can make of itself; what follows is one
// Span without style.
const maxSpans = 1000

// Spans takes a text apart. Sequences that set colours and the like (SGR) become
// the Style of what follows; every other control is a Span by itself. It looks at
// each byte once.
func Spans(text string) []Span {
	s := spanner{rest: text}
	for s.rest != "" {
		s.step()
	}
	s.end()
	return s.spans
}

// PlainText returns a text as a terminal may print it: without sequences, and
// with single control characters shown.
func PlainText(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for _, span := range Spans(text) {
		if !span.Control || !strings.HasPrefix(span.Text, escapePicture) {
			b.WriteString(span.Text)
		}
	}
	return b.String()
}

func isPlain(text string) bool {
	for _, r := range text {
		if controlPicture(r) != "" || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// escapePicture begins the Text of a sequence.
const escapePicture = "‹ESC›"

type spanner struct {
	rest  string
	text  strings.Builder // of the span that is being made
	style Style
	spans []Span
}

func (s *spanner) end() {
	if s.text.Len() > 0 {
		s.spans = append(s.spans, Span{Text: s.text.String(), Style: s.style})
		s.text.Reset()
	}
}

func (s *spanner) control(shown string) {
	if len(s.spans) >= maxSpans {
		s.text.WriteString(shown)
		return
	}
	s.end()
	s.spans = append(s.spans, Span{Text: shown, Control: true})
}

// step takes the next character or sequence.
func (s *spanner) step() {
	if length := sequence(s.rest); length > 0 {
		taken := s.rest[:length]
		s.rest = s.rest[length:]
		if parameters, ok := selectGraphic(taken); ok {
			s.restyle(parameters)
			return
		}
		s.control(escapePicture + pictured(strings.TrimPrefix(taken, "\x1b")))
		return
	}
	r, size := utf8.DecodeRuneInString(s.rest)
	s.rest = s.rest[size:]
	if shown := controlPicture(r); shown != "" {
		s.control(shown)
		return
	}
	s.text.WriteRune(r)
}

func (s *spanner) restyle(parameters []int) {
	style := s.style.with(parameters)
	if len(s.spans) >= maxSpans {
		style = Style{}
	}
	if style == s.style {
		return
	}
	s.end()
	s.style = style
}

// controlPicture returns how a character is shown that must not be written as
// it is, and nothing for all others.
func controlPicture(r rune) string {
	switch {
	case r == '\t' || r == '\n':
		return ""
	case r < ' ':
		return "‹" + controlNames[r] + "›"
	case r == 0x7f:
		return "‹DEL›"
	case r < 0x7f:
		return ""
	case r < 0xa0, isInvisible(r):
		return fmt.Sprintf("‹U+%04X›", r)
	default:
		return ""
	}
}

var controlNames = [' ']string{
	"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI",
	"DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
}

// isInvisible tells of characters that turn the order of others, hide, or break
// lines where nobody sees why. Joiners stay: scripts and emoji need them.
func isInvisible(r rune) bool {
	switch r {
	case 0x200c, 0x200d:
		return false
	case 0x2028, 0x2029, 0xad:
		return true
	default:
		return r >= 0x61c && unicode.Is(unicode.Cf, r)
	}
}

func pictured(text string) string {
	var b strings.Builder
	for _, r := range text {
		if shown := controlPicture(r); shown != "" {
			b.WriteString(shown)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// maxSequence is the longest sequence that is taken as one, in bytes.
const maxSequence = 256

// sequence returns the length of the terminal's sequence that the text begins
// with, 0 when there is none. A string that does not end is none.
func sequence(text string) int {
	body, introducer := 2, byte(0)
	switch {
	case len(text) >= 2 && text[0] == 0x1b:
		introducer = text[1]
	case strings.HasPrefix(text, "\u009b"):
		introducer = '['
	case strings.HasPrefix(text, "\u009d"):
		introducer = ']'
	default:
		return 0
	}
	limit := min(len(text), maxSequence)
	switch introducer {
	case '[':
		return controlSequence(text, body, limit)
	case ']', 'P', 'X', '^', '_':
		for i := body; i < limit; i++ {
			switch {
			case text[i] == 0x07:
				return i + 1
			case text[i] == 0x1b && i+1 < len(text) && text[i+1] == '\\':
				return i + 2
			}
		}
		return 0
	}
	return escapeSequence(text, limit)
}

// controlSequence: parameters, intermediates, and one final byte.
func controlSequence(text string, from, limit int) int {
	for i := from; i < limit; i++ {
		switch c := text[i]; {
		case c >= 0x20 && c <= 0x3f:
		case c >= 0x40 && c <= 0x7e:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// escapeSequence: intermediates, and one final byte.
func escapeSequence(text string, limit int) int {
	for i := 1; i < limit; i++ {
		switch c := text[i]; {
		case c >= 0x20 && c <= 0x2f:
		case c >= 0x30 && c <= 0x7e:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

// selectGraphic returns the parameters of a sequence that sets a style.
func selectGraphic(sequence string) ([]int, bool) {
	body, ok := strings.CutPrefix(strings.Replace(sequence, "\u009b", "\x1b[", 1), "\x1b[")
	if !ok {
		return nil, false
	}
	if body, ok = strings.CutSuffix(body, "m"); !ok {
		return nil, false
	}
	var parameters []int
	for part := range strings.FieldsFuncSeq(strings.ReplaceAll(body, ";", " ; "), func(r rune) bool { return r == ' ' || r == ':' }) {
		if part == ";" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		parameters = append(parameters, n)
	}
	if len(parameters) == 0 {
		parameters = []int{0}
	}
	return parameters, true
}
