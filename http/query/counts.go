package query

import (
	"context"
	"time"

	"millrace/app"
	"millrace/http/openapi"
)

// defaultRange is how far what is counted goes back, when nobody says.
const defaultRange = 24 * time.Hour

// steps are how long the buckets of a histogram are when nobody says.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 364 * 24 * time.Hour,
}

const (
	// autoBuckets is the most buckets of a histogram whose step we choose.
	autoBuckets = 120
	// cheapFrom is the range from which on a step that we choose is a minute at
	// least: the store keeps counts by the minute, and counts logs below that.
	cheapFrom = 15 * time.Minute
)

// counted reads the filter of what is counted, whose range is never open.
func (h *handlers) counted(ctx context.Context) (app.Filter, *reader) {
	r := newReader(ctx, "")
	f := r.filter()
	if f.To.IsZero() {
		f.To = r.at.now
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-defaultRange)
	}
	if !f.From.Before(f.To) && !r.wrong.Any() {
		r.wrong.Add("from", "from lies ahead, and without to the range ends now")
	}
	h.bound(r, &f)
	return f, r
}

// LogHistogram answers GET /api/logs/histogram.
func (h *handlers) LogHistogram(ctx context.Context, request LogHistogramRequestObject) (LogHistogramResponseObject, error) {
	f, r := h.counted(ctx)
	span := f.To.Sub(f.From)
	length := autoStep(span)
	text := openapi.Value(request.Params.Step)
	if text != "" {
		length, _ = step(text) // it was checked
	}
	f.From, f.To = floor(f.From, length), ceil(f.To, length)
	if text != "" && f.From.Add(app.MaxBuckets*length).Before(f.To) {
		r.wrong.Add("step", "step is %q: that is more than %d buckets in %s, take a longer step or a shorter time", text, app.MaxBuckets, span.Round(time.Second))
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	counts, err := h.cfg.Counter.Histogram(ctx, app.HistogramQuery{Filter: f, Step: length, By: app.Field(openapi.Value(request.Params.By))})
	if err != nil {
		return nil, err
	}
	return LogHistogram200JSONResponse(counts), nil
}

func autoStep(span time.Duration) time.Duration {
	for _, s := range steps {
		if span/s < autoBuckets && (span < cheapFrom || s >= time.Minute) {
			return s
		}
	}
	return steps[len(steps)-1]
}

// floor returns the latest multiple of step, which is whole seconds counted from
// 1970, not after t. It reckons in seconds: the last bucket may end where 64 bits
// of nanoseconds do not reach.
func floor(t time.Time, step time.Duration) time.Time {
	return time.Unix(t.Unix()-mod(t.Unix(), int64(step/time.Second)), 0).UTC()
}

// ceil returns the earliest multiple of step not before t.
func ceil(t time.Time, step time.Duration) time.Time {
	return floor(t.Add(step-1), step)
}

func mod(n, by int64) int64 { return ((n % by) + by) % by }

// LogFacets answers GET /api/logs/facets.
func (h *handlers) LogFacets(ctx context.Context, request LogFacetsRequestObject) (LogFacetsResponseObject, error) {
	f, r := h.counted(ctx)
	if err := r.err(); err != nil {
		return nil, err
	}
	query := app.FacetQuery{Filter: f, Limit: openapi.Or(request.Params.Limit, defaultValues)}
	for _, name := range sorted(request.Params.Field) {
		query.Fields = append(query.Fields, app.Field(name))
	}
	facets, err := h.cfg.Counter.Facets(ctx, query)
	if err != nil {
		return nil, err
	}
	return LogFacets200JSONResponse(facets), nil
}

// defaultValues is how many values or groups are listed when nobody says.
const defaultValues = 10

// LogStats answers GET /api/logs/stats.
func (h *handlers) LogStats(ctx context.Context, request LogStatsRequestObject) (LogStatsResponseObject, error) {
	f, r := h.counted(ctx)
	if err := r.err(); err != nil {
		return nil, err
	}
	stats, err := h.cfg.Counter.Stats(ctx, app.StatsQuery{
		Filter: f, By: app.Field(openapi.Value(request.Params.By)), Distinct: app.Field(openapi.Value(request.Params.Distinct)),
		Limit: openapi.Or(request.Params.Limit, defaultValues),
	})
	if err != nil {
		return nil, err
	}
	return LogStats200JSONResponse(stats), nil
}
