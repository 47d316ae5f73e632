package main

import (
	"net/url"
	"strings"
	"time"
)

// questions makes each question once. Not safe for concurrent use.
type questions struct {
	logs     int
	asked    int
	services []string
}

func newQuestions(logs int) *questions {
	return &questions{logs: logs, services: strings.Fields("gateway auth checkout inventory payments search shipping email")}
}

// moment writes a time that no other question has.
func (q *questions) moment(t time.Time) string {
	return t.Add(time.Duration(q.asked) * time.Microsecond).UTC().Format(time.RFC3339Nano)
}

// page asks for a page of one service and level within the last hour.
func (q *questions) page() string {
	q.asked++
	levels := []string{"INFO", "DEBUG", "WARN", "ERROR"}
	return "/api/logs?limit=100&service=" + q.services[q.asked%len(q.services)] + "&level=" + levels[q.asked/len(q.services)%len(levels)] +
		"&from=" + url.QueryEscape(q.moment(time.Now().Add(-time.Hour)))
}

// word asks for a rare word in all the logs there are.
func (q *questions) word() string {
	q.asked++
	return "/api/logs?limit=100&text=" + rareWords[q.asked%len(rareWords)] + "&to=" + url.QueryEscape(q.moment(time.Now()))
}

// histogram asks for the counts of the last day, by one thing or another, of all
// logs or some.
func (q *questions) histogram() string {
	q.asked++
	by := []string{"", "&by=level", "&by=service"}[q.asked%3]
	if of := q.asked / 3 % (len(q.services) + 1); of > 0 {
		by += "&service=" + q.services[of-1]
	}
	now := time.Now()
	return "/api/logs/histogram?from=" + url.QueryEscape(q.moment(now.Add(-24*time.Hour))) + "&to=" + url.QueryEscape(q.moment(now)) + by
}
