package terminal

import "millrace/app"

// palette colours, or does not.
type palette struct{ on bool }

const reset = "\x1b[0m"

func (p palette) paint(code, text string) string {
	if !p.on || text == "" {
		return text
	}
	return code + text + reset
}

func (p palette) dim(text string) string  { return p.paint("\x1b[2m", text) }
func (p palette) cyan(text string) string { return p.paint("\x1b[36m", text) }

// levelCodes are those of a level's colour; they are of the sixteen that each
// terminal's theme has made to be read.
var levelCodes = map[app.Level]string{
	app.LevelTrace: "\x1b[2m", app.LevelDebug: "\x1b[34m", app.LevelInfo: "\x1b[36m",
	app.LevelWarn: "\x1b[33m", app.LevelError: "\x1b[31m", app.LevelFatal: "\x1b[1;35m",
}

func (p palette) level(level app.Level, text string) string {
	code, ok := levelCodes[level]
	if !ok {
		return text
	}
	return p.paint(code, text)
}
