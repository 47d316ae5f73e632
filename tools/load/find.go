package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	pageSize = 1000 // the most that a gateway gives at once
	// pollPause is the wait before the gateway is asked again for what is not
	// stored yet.
	pollPause = 500 * time.Millisecond
)

// found is what the gateway has of a run.
type found struct {
	times []byte // how often each log is there, up to 255
	alien int    // logs of the run that it never made
	logs  int
}

// shortage compares what was answered with what is stored.
type shortage struct {
	missing  []uint64 // accepted logs that are not stored
	twice    []uint64 // logs stored more than once
	unwanted []uint64 // logs of refused requests that are stored
	alien    int
}

func (s shortage) none() bool {
	return len(s.missing)+len(s.twice)+len(s.unwanted)+s.alien == 0
}

// compare compares a tally with what was found.
func compare(t *tally, f *found) shortage {
	s := shortage{alien: f.alien}
	for n, times := range f.times {
		outcome := t.outcomes[n/t.size]
		switch {
		case times == 0 && outcome == accepted:
			s.missing = append(s.missing, uint64(n))
		case times > 1:
			s.twice = append(s.twice, uint64(n))
		case times == 1 && (outcome == refused || outcome == neverSent):
			s.unwanted = append(s.unwanted, uint64(n))
		}
	}
	return s
}

// finder asks a gateway for the logs of a run.
type finder struct {
	gateway string
	service string
	header  http.Header
	client  *http.Client
}

// await asks until every accepted log is stored, or nothing more has come for
// the time of patience.
func (f *finder) await(ctx context.Context, t *tally, patience time.Duration, progress func(*found)) (*found, error) {
	most, last := -1, time.Now()
	for {
		now, err := f.all(ctx, len(t.outcomes)*t.size)
		if err != nil {
			return nil, err
		}
		progress(now)
		if len(compare(t, now).missing) == 0 {
			return now, nil
		}
		if now.logs > most {
			most, last = now.logs, time.Now()
		}
		if time.Since(last) > patience {
			return now, nil
		}
		pause := time.NewTimer(pollPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return now, ctx.Err()
		}
	}
}

// all reads every log of the run, page by page.
func (f *finder) all(ctx context.Context, logs int) (*found, error) {
	out := &found{times: make([]byte, logs)}
	for cursor := ""; ; {
		page, err := f.page(ctx, cursor)
		if err != nil {
			return nil, err
		}
		for _, log := range page.Logs {
			out.add(log.Attributes[numberKey])
		}
		if page.Next == nil || len(page.Logs) == 0 {
			return out, nil
		}
		cursor = *page.Next
	}
}

func (f *found) add(number json.RawMessage) {
	f.logs++
	n, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || n >= uint64(len(f.times)) {
		f.alien++
		return
	}
	f.times[n] = byte(min(int(f.times[n])+1, 255))
}

type page struct {
	Logs []struct {
		Attributes map[string]json.RawMessage `json:"attributes"`
	} `json:"logs"`
	Next *string `json:"next"`
}

func (f *finder) page(ctx context.Context, cursor string) (page, error) {
	query := url.Values{"service": {f.service}, "limit": {strconv.Itoa(pageSize)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.gateway+"/api/logs?"+query.Encode(), nil)
	if err != nil {
		return page{}, err
	}
	request.Header = f.header.Clone()
	response, err := f.client.Do(request)
	if err != nil {
		return page{}, fmt.Errorf("no gateway answers (flag -gateway): %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return page{}, err
	}
	if response.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("the gateway answered %s: %s", response.Status, body)
	}
	var p page
	if err := json.Unmarshal(body, &p); err != nil {
		return page{}, fmt.Errorf("the gateway's answer is no page of logs: %w", err)
	}
	return p, nil
}

// ranges writes numbers as ranges, the first few of them.
func ranges(numbers []uint64) string {
	const most = 10
	slices.Sort(numbers)
	var out string
	for i, listed := 0, 0; i < len(numbers); listed++ {
		if listed == most {
			return out + ", …"
		}
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if out != "" {
			out += ", "
		}
		out += strconv.FormatUint(numbers[i], 10)
		if j > i {
			out += "-" + strconv.FormatUint(numbers[j], 10)
		}
		i = j + 1
	}
	return out
}
