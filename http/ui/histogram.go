package ui

import (
	"fmt"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"millrace/app"
)

// The histogram's drawing, in units of its own: it is stretched to the page.
const (
	drawingWidth  = 1200
	drawingHeight = 100
	barGap        = 0.16 // of a bar's width
	axisMarks     = 5
)

// histogram is counts over time by level, drawn.
type histogram struct {
	Width, Height int
	Total, Most   int64
	Step          string
	Bars          []bar
	Legend        []legend
	Axis          []string
	Said          string // the whole, in a sentence
}

// bar is one bucket.
type bar struct {
	X, Width   float64
	Slot, Wide float64 // with the gap
	Parts      []part
	From, To   string // RFC 3339
	Label      string // its time, for people
	Count      int64
	Address    string
}

// part is one level's share of a bar.
type part struct {
	Y, Height float64
	Grade     string
}

type legend struct {
	Level, Grade string
	Count        int64
}

func (h *handlers) histogram(c echo.Context, at address) (*histogram, error) {
	query := counted(at)
	query.Set("by", "level")
	var counts app.Histogram
	if err := h.api.get(c, "/api/logs/histogram", query, &counts); err != nil {
		return nil, err
	}
	return draw(counts, at.without(paramLive, paramCursor)), nil
}

func draw(counts app.Histogram, at address) *histogram {
	step := time.Duration(counts.Step) * time.Second
	out := &histogram{Width: drawingWidth, Height: drawingHeight, Total: counts.Total, Step: sayStep(step)}
	for _, b := range counts.Buckets {
		out.Most = max(out.Most, b.Count)
	}
	// The most severe lie at the bottom, where they are seen from far.
	levels := slices.Clone(counts.Values)
	slices.Reverse(levels)
	if len(levels) > 1 && severity(levels[0]) < severity(levels[len(levels)-1]) {
		slices.Reverse(levels)
	}
	totals := map[string]int64{}
	slot := float64(drawingWidth) / float64(max(len(counts.Buckets), 1))
	form := axisForm(counts.To.Sub(counts.From), step)
	for i, b := range counts.Buckets {
		end := b.Time.Add(step)
		one := bar{
			X: round(slot*float64(i) + slot*barGap/2), Width: round(slot * (1 - barGap)), Slot: round(slot * float64(i)), Wide: round(slot),
			From: b.Time.UTC().Format(time.RFC3339), To: end.UTC().Format(time.RFC3339), Label: b.Time.UTC().Format(form), Count: b.Count,
		}
		one.Address = at.with(paramFrom, one.From).with(paramTo, one.To).String()
		one.Parts = stack(b, levels, out.Most)
		for level, count := range b.Counts {
			totals[level] += count
		}
		out.Bars = append(out.Bars, one)
	}
	for _, level := range levels {
		out.Legend = append(out.Legend, legend{level, gradeOf(level), totals[level]})
	}
	for i := range axisMarks {
		when := counts.From.Add(counts.To.Sub(counts.From) * time.Duration(i) / (axisMarks - 1))
		out.Axis = append(out.Axis, when.UTC().Format(form))
	}
	out.Said = fmt.Sprintf("%d logs from %s to %s, by %s", counts.Total, counts.From.UTC().Format(axisLong), counts.To.UTC().Format(axisLong), out.Step)
	return out
}

func severity(level string) app.Level {
	l, _ := app.ParseLevel(level)
	return l
}

// stack lays the levels of a bucket one on another. What is there is seen, however
// little.
func stack(b app.Bucket, levels []string, most int64) []part {
	var parts []part
	foot, rest := float64(drawingHeight), b.Count
	add := func(grade string, count int64) {
		if count <= 0 {
			return
		}
		height := max(float64(count)/float64(most)*(drawingHeight-4), 1)
		foot -= height
		parts = append(parts, part{Y: round(max(foot, 0)), Height: round(height), Grade: grade})
	}
	for _, level := range levels {
		add(gradeOf(level), b.Counts[level])
		rest -= b.Counts[level]
	}
	add("none", rest)
	return parts
}

func round(f float64) float64 { return float64(int64(f*100+0.5)) / 100 }

const axisLong = "2 Jan 15:04:05"

// axisForm is how times are written beside a range.
func axisForm(length, step time.Duration) string {
	switch {
	case length > 36*time.Hour && step >= 24*time.Hour:
		return "2 Jan"
	case length > 20*time.Hour:
		return "2 Jan 15:04"
	case step < time.Minute:
		return "15:04:05"
	default:
		return "15:04"
	}
}

func sayStep(step time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := step / unit.length; {
		case n == 1 && step%unit.length == 0:
			return unit.name
		case n > 1 && step%unit.length == 0:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	if step == time.Second {
		return "second"
	}
	return fmt.Sprintf("%d seconds", int(step.Seconds()))
}
