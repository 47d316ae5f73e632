// Package terminal writes logs for people who read them in a terminal, or in what
// a terminal's output goes to.
//
//	terminal.go   Printer: one log, as text, JSON or its message alone
//	histogram.go  counts over time, as bars
//	palette.go    colours
//
// Texts of logs are hostile: nothing of them but letters, and line breaks that
// are set in, reaches the terminal (app.PlainText).
package terminal
