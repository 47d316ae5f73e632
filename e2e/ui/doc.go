// Package ui uses the gateway's pages as a person does: in a real Chromium, by
// typing, clicking, dragging and by keys, on logs that came through the shipper.
//
// It needs Chromium (Debian's package chromium) and axe-core, which ./task axe
// fetches; MILLRACE_AXE names the file axe.min.js if it is elsewhere. Screenshots
// of all pages are left in screenshots/, which Git ignores.
//
// A page that writes an error to its console, or that its own
// Content-Security-Policy stops, fails the test that shows it.
package ui
