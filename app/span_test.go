package app_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"millrace/app"
)

// drawn writes spans as <style|text>, controls as {text}, and what is plain bare.
func drawn(spans []app.Span) string {
	var b strings.Builder
	for _, s := range spans {
		switch names := s.Style.Names(); {
		case s.Control:
			fmt.Fprintf(&b, "{%s}", s.Text)
		case names != "":
			fmt.Fprintf(&b, "<%s|%s>", names, s.Text)
		default:
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

func TestSpans(t *testing.T) {
	for name, c := range map[string]struct{ text, want, plain string }{
		"nothing":          {"", "", ""},
		"plain":            {"hello, wörld 👩‍🚀", "hello, wörld 👩‍🚀", "hello, wörld 👩‍🚀"},
		"lines and tabs":   {"a\n\tb", "a\n\tb", "a\n\tb"},
		"markup":           {`<script>alert("x")</script>`, `<script>alert("x")</script>`, `<script>alert("x")</script>`},
		"colour":           {"\x1b[31mred\x1b[0m not", "<red|red> not", "red not"},
		"several at once":  {"\x1b[1;4;92;44mx", "<bright-green on-blue bold underline|x>", "x"},
		"reset by nothing": {"\x1b[1mx\x1b[my", "<bold|x>y", "xy"},
		"off again":        {"\x1b[1;3;4mx\x1b[22;23;24my", "<bold italic underline|x>y", "xy"},
		"inverse":          {"\x1b[7;31mx\x1b[27my", "<inverse on-red|x><red|y>", "xy"},
		"palette":          {"\x1b[38;5;196mx\x1b[48;5;21my", "<bright-red|x><bright-red on-bright-blue|y>", "xy"},
		"true colour":      {"\x1b[38;2;20;120;20mx", "<green|x>", "x"},
		"with colons":      {"\x1b[38:5:3mx", "<yellow|x>", "x"},
		"greys":            {"\x1b[38;5;240mx\x1b[38;5;250my", "<bright-black|x><white|y>", "xy"},
		"cut off":          {"\x1b[38;5mx", "x", "x"},
		"clear the screen": {"a\x1b[2Jb", "a{‹ESC›[2J}b", "ab"},
		"set the title":    {"a\x1b]0;owned\x07b", "a{‹ESC›]0;owned‹BEL›}b", "ab"},
		"a link":           {"\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "{‹ESC›]8;;http://evil‹ESC›\\}click{‹ESC›]8;;‹ESC›\\}", "click"},
		"eight bit":        {"a\u009b31mb\u009b2Jc", "a<red|b>{‹ESC›‹U+009B›2J}<red|c>", "abc"},
		"charset":          {"a\x1b(0b", "a{‹ESC›(0}b", "ab"},
		"a lone escape":    {"a\x1b", "a{‹ESC›}", "a"},
		"one without end":  {"a\x1b]0;x", "a{‹ESC›}]0;x", "a]0;x"},
		"controls":         {"a\x00b\rc\x7fd\x08", "a{‹NUL›}b{‹CR›}c{‹DEL›}d{‹BS›}", "a‹NUL›b‹CR›c‹DEL›d‹BS›"},
		"turned around":    {"user\u202egnp.exe\u2066", "user{‹U+202E›}gnp.exe{‹U+2066›}", "user‹U+202E›gnp.exe‹U+2066›"},
		"hidden":           {"a\u200bb\ufeff\u00ad\u2028\U000e0041", "a{‹U+200B›}b{‹U+FEFF›}{‹U+00AD›}{‹U+2028›}{‹U+E0041›}", "a‹U+200B›b‹U+FEFF›‹U+00AD›‹U+2028›‹U+E0041›"},
		"no UTF-8":         {"a\xffb", "a\ufffdb", "a\ufffdb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := drawn(app.Spans(c.text)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if got := app.PlainText(c.text); got != c.plain {
				t.Errorf("plain: got %q, want %q", got, c.plain)
			}
		})
	}
}

func TestSpansAreBounded(t *testing.T) {
	text := strings.Repeat("\x1b[31ma\x1b[32mb\x00", 50_000)
	spans := app.Spans(text)
	if len(spans) > 1100 {
		t.Errorf("%d spans", len(spans))
	}
	letters := 0
	for _, s := range spans {
		letters += strings.Count(s.Text, "a") + strings.Count(s.Text, "b")
	}
	if letters != 100_000 {
		t.Errorf("%d letters of 100000 are left", letters)
	}
}

// FuzzSpans looks for a text that gets a control character through.
func FuzzSpans(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[31mb", "\x1b]0;t\x07", "\u202e", "\x1b\x1b[\x9b", "\u009b1m", "\x1b[38;5;999999999999m", "\x1b[38;2;-1;1;1m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shown := app.PlainText(text)
		for _, s := range app.Spans(text) {
			if s.Text == "" {
				t.Fatalf("an empty span of %q", text)
			}
			shown += s.Text + s.Style.Names()
		}
		if !utf8.ValidString(shown) {
			t.Fatalf("%q is no UTF-8", shown)
		}
		for _, r := range shown {
			if unicode.IsControl(r) && r != '\t' && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q lets %U through", text, r)
			}
		}
	})
}
