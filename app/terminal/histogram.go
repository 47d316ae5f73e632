package terminal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"millrace/app"
)

// bars are eighths of a cell.
var bars = []rune(" ▏▎▍▌▋▊▉█")

const minBar = 10 // cells of the longest bar, however narrow the terminal is

// Histogram writes counts over time, a line for each step, in width cells. With
// colours each level has its own part of a bar.
func (p *Printer) Histogram(counts app.Histogram, width int) error {
	var most int64
	for _, b := range counts.Buckets {
		most = max(most, b.Count)
	}
	form := "15:04:05"
	switch step := time.Duration(counts.Step) * time.Second; {
	case step >= 24*time.Hour:
		form = time.DateOnly
	case counts.To.Sub(counts.From) > 24*time.Hour:
		form = "01-02 15:04"
	}
	digits := len(fmt.Sprint(most))
	room := max(width-len(form)-digits-4, minBar)
	levels := slices.Clone(counts.Values)
	slices.SortFunc(levels, func(a, b string) int { return int(levelOf(b)) - int(levelOf(a)) })
	var out strings.Builder
	for _, b := range counts.Buckets {
		fmt.Fprintf(&out, "%s  %*d  %s\n", p.dim(b.Time.In(p.cfg.Zone).Format(form)), digits, b.Count, p.bar(b, levels, most, room))
	}
	fmt.Fprintf(&out, "%d logs, a line is %s", counts.Total, shownStep(counts.Step))
	totals := map[string]int64{}
	for _, b := range counts.Buckets {
		for level, count := range b.Counts {
			totals[level] += count
		}
	}
	for _, level := range levels {
		fmt.Fprintf(&out, "   %s %d", p.level(levelOf(level), oneLine(level)), totals[level])
	}
	out.WriteByte('\n')
	_, err := p.out.Write([]byte(out.String()))
	return err
}

// shownStep writes seconds as --step takes them.
func shownStep(seconds int64) string {
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"d", 24 * 60 * 60}, {"h", 60 * 60}, {"m", 60}} {
		if seconds%unit.seconds == 0 {
			return strconv.FormatInt(seconds/unit.seconds, 10) + unit.name
		}
	}
	return strconv.FormatInt(seconds, 10) + "s"
}

// bar draws a bucket: the most severe level first. Without colours it is one bar.
func (p *Printer) bar(b app.Bucket, levels []string, most int64, room int) string {
	if b.Count == 0 {
		return ""
	}
	length := eighths(b.Count, most, room)
	whole := strings.Repeat("█", length/8)
	if length%8 > 0 {
		whole += string(bars[length%8])
	}
	if !p.on {
		return whole
	}
	cells := []rune(whole)
	var out strings.Builder
	var before int64
	at := 0
	for _, level := range levels {
		before += b.Counts[level]
		end := min(int(float64(before)/float64(b.Count)*float64(utf8.RuneCountInString(whole))+0.5), len(cells))
		if end > at {
			out.WriteString(p.level(levelOf(level), string(cells[at:end])))
			at = end
		}
	}
	out.WriteString(string(cells[at:]))
	return out.String()
}

// eighths returns a bar's length; what is there is seen.
func eighths(count, most int64, room int) int {
	return max(int(float64(count)/float64(most)*float64(room)*8), 1)
}

func levelOf(name string) app.Level {
	level, _ := app.ParseLevel(name)
	return level
}
