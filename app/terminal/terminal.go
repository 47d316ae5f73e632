package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"millrace/app"
)

// Form is how logs are written.
type Form string

// The forms.
const (
	Text Form = "text" // a line for people
	JSON Form = "json" // as the API has it, one on each line
	Raw  Form = "raw"  // the message alone, as it was sent
)

// Forms are all there are.
var Forms = []string{string(Text), string(JSON), string(Raw)}

// Printer writes logs. It is for one goroutine.
type Printer struct {
	out io.Writer
	cfg Config
	palette
	line    bytes.Buffer
	service int // letters of the column of services, as wide as the widest so far
}

// Config is how a Printer writes.
type Config struct {
	Form     Form
	Color    bool
	Long     bool           // with host, trace and attributes
	Zone     *time.Location // nil: UTC
	Terminal bool           // it writes to a terminal, which raw messages must not command
}

// New returns a Printer to out.
func New(out io.Writer, cfg Config) *Printer {
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	return &Printer{out: out, cfg: cfg, palette: palette{cfg.Color}}
}

// Log writes a log, which is as the API has it.
func (p *Printer) Log(raw json.RawMessage) error {
	p.line.Reset()
	if p.cfg.Form == JSON {
		if err := json.Compact(&p.line, raw); err != nil {
			return app.Errorf(app.KindUnavailable, "the gateway's answer cannot be read: %w", err)
		}
		if p.cfg.Terminal {
			escape(&p.line)
		}
		return p.end()
	}
	var log app.Log
	if err := json.Unmarshal(raw, &log); err != nil {
		return app.Errorf(app.KindUnavailable, "the gateway's answer cannot be read: %w", err)
	}
	switch {
	case p.cfg.Form == Raw && !p.cfg.Terminal:
		p.line.WriteString(log.Message)
	case p.cfg.Form == Raw:
		p.line.WriteString(app.PlainText(log.Message))
	default:
		p.text(&log)
	}
	return p.end()
}

// escape writes what JSON lets stand and a terminal would obey as JSON's escapes.
func escape(line *bytes.Buffer) {
	text := line.String()
	if app.PlainText(text) == text {
		return
	}
	line.Reset()
	for _, r := range text {
		if one := string(r); app.PlainText(one) == one {
			line.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(line, `\u%04x`, unit)
		}
	}
}

func (p *Printer) end() error {
	p.line.WriteByte('\n')
	_, err := p.out.Write(p.line.Bytes())
	return err
}

// clock has the width of every other.
const clock = "2006-01-02 15:04:05.000"

// widestService is the width up to which the column of services grows: one long
// name does not push every message aside.
const widestService = 24

// indent sets the further lines of a message in: none of them passes for a log.
const indent = "    "

func (p *Printer) text(log *app.Log) {
	p.line.WriteString(p.dim(log.Time.In(p.cfg.Zone).Format(clock)))
	p.line.WriteString("  " + p.level(log.Level, fmt.Sprintf("%-5s", log.Level)))
	if service := oneLine(log.Service); service != "" || p.service > 0 {
		letters := utf8.RuneCountInString(service)
		p.service = max(p.service, min(letters, widestService))
		p.line.WriteString("  " + p.cyan(service) + strings.Repeat(" ", max(0, p.service-letters)))
	}
	if p.cfg.Long && log.Host != "" {
		p.line.WriteString("  " + p.dim(oneLine(log.Host)))
	}
	message := strings.TrimRight(app.PlainText(log.Message), "\n")
	p.line.WriteString("  " + strings.ReplaceAll(message, "\n", "\n"+indent))
	if !p.cfg.Long {
		return
	}
	if log.TraceID != "" {
		p.line.WriteString("  " + p.dim("trace="+log.TraceID))
	}
	if len(log.Attributes) > 0 {
		p.line.WriteString("  " + p.dim(oneLine(string(log.Attributes))))
	}
}

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(app.PlainText(text), func(r rune) bool { return r == '\n' || r == '\t' }), " ")
}
