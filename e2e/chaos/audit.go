package main

import (
	"fmt"
	"regexp"
	"slices"
)

// findings is what became of the logs.
type findings struct {
	Requests        int `json:"requests"`
	AckedRequests   int `json:"acked_requests"`
	RefusedRequests int `json:"refused_requests"`
	UnknownRequests int `json:"unanswered_requests"`

	// Logs.
	Sent         int `json:"sent"`
	Acked        int `json:"acked"`
	Refused      int `json:"refused"`
	Unknown      int `json:"unanswered"`
	Found        int `json:"found"` // different ones
	FoundAcked   int `json:"found_acked"`
	FoundRefused int `json:"found_refused"`
	FoundUnknown int `json:"found_unanswered"`
	Aside        int `json:"set_aside"` // in the quarantine
	Missing      int `json:"missing"`   // acked, and neither found nor set aside
	Duplicates   int `json:"duplicates"`
	Damaged      int `json:"damaged"`  // found, but not as they were sent
	Twofold      int `json:"twofold"`  // found and set aside as well
	Unkept       int `json:"unkept"`   // on the poison topic, and not in the quarantine
	Repeated     int `json:"repeated"` // in the quarantine more than once

	Losses  []string       `json:"losses"`  // the first of the missing, with what is known of them
	Answers map[string]int `json:"answers"` // requests that were not acknowledged, by what was said
	Ledger  ledgerFindings `json:"ledger"`
}

// sheet counts how often each log was seen.
type sheet struct {
	stored  []uint8
	aside   []uint8
	poison  []bool // on the poison topic
	damaged int
	strange []string // messages that nobody sent
}

func newSheet(logs int) *sheet {
	return &sheet{stored: make([]uint8, logs), aside: make([]uint8, logs), poison: make([]bool, logs)}
}

// found notes a stored message.
func (s *sheet) found(message string) {
	n, whole := number(message)
	if !whole || n < 0 || n >= len(s.stored) {
		s.damaged++
		if len(s.strange) < 5 {
			s.strange = append(s.strange, fmt.Sprintf("%.100q", message))
		}
		return
	}
	if s.stored[n] < 255 {
		s.stored[n]++
	}
}

// setAside notes a message that lies in the quarantine.
func (s *sheet) setAside(message string) {
	if n, whole := number(message); whole && n >= 0 && n < len(s.aside) && s.aside[n] < 255 {
		s.aside[n]++
	}
}

// poisoned notes a message that lies on the poison topic.
func (s *sheet) poisoned(message string) {
	if n, whole := number(message); whole && n >= 0 && n < len(s.poison) {
		s.poison[n] = true
	}
}

// digits are what tells one answer from another of its kind.
var digits = regexp.MustCompile(`:[0-9]+|"request_id":"[^"]*"`)

// compare holds what was found against what was promised.
func compare(requests []request, s *sheet) (f findings, missing []int) {
	f.Requests, f.Damaged, f.Answers = len(requests), s.damaged, map[string]int{}
	for _, r := range requests {
		sent, found := &f.Unknown, &f.FoundUnknown
		switch r.Outcome {
		case acked:
			sent, found = &f.Acked, &f.FoundAcked
			f.AckedRequests++
		case refused:
			sent, found = &f.Refused, &f.FoundRefused
			f.RefusedRequests++
		default:
			f.UnknownRequests++
		}
		if r.Outcome != acked {
			f.Answers[digits.ReplaceAllString(r.Answer, "N")]++
		}
		f.Sent += r.Count
		*sent += r.Count
		for n := r.First; n < r.First+r.Count; n++ {
			times, aside := s.stored[n], s.aside[n] > 0
			switch {
			case times > 0:
				f.Found++
				*found++
			case r.Outcome == acked && !aside:
				missing = append(missing, n)
			}
			if aside {
				f.Aside++
			}
			if s.aside[n] > 1 {
				f.Repeated++
			}
			if s.poison[n] && !aside && times == 0 { // unless it was replayed
				f.Unkept++
			}
			if times > 1 {
				f.Duplicates += int(times) - 1
			}
			if times > 0 && aside {
				f.Twofold++
			}
		}
	}
	f.Missing = len(missing)
	return f, missing
}

// failures returns what must not be.
func (f *findings) failures() []string {
	var wrong []string
	expectNone := func(n int, what string) {
		if n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d logs %s", n, what))
		}
	}
	expectNone(f.Missing, "were acknowledged and are missing")
	expectNone(f.Duplicates, "are stored again")
	expectNone(f.Damaged, "are stored that nobody sent so")
	expectNone(f.Twofold, "are stored and set aside as well")
	expectNone(f.Unkept, "lie on the poison topic and are not in the quarantine")
	expectNone(f.Repeated, "are in the quarantine more than once")
	return append(wrong, f.Ledger.Wrong...)
}

// lossesShown is how many requests with missing logs are told in full.
const lossesShown = 20

// tell says of the requests with missing logs where they may have gone. inKafka
// tells of a log whether it lies on the topic.
func tell(missing []int, requests []request, d *diary, inKafka func(int) bool) []string {
	var told []string
	events := d.all()
	for len(missing) > 0 && len(told) < lossesShown {
		place, _ := slices.BinarySearchFunc(requests, missing[0], func(r request, n int) int {
			switch {
			case r.First+r.Count <= n:
				return -1
			case r.First > n:
				return 1
			}
			return 0
		})
		r := requests[place]
		of := 0
		for of < len(missing) && missing[of] < r.First+r.Count {
			of++
		}
		where := "never came to Kafka"
		if inKafka(missing[0]) {
			where = "lies in Kafka and is not stored"
		}
		at := r.Answered.Sub(d.began).Seconds()
		told = append(told, fmt.Sprintf("log %d, which %s: with %d more of %d in a request as %s to %s, sent %.2f s, answered %q %.2f s from the beginning; nearest: %v",
			missing[0], where, of-1, r.Count, r.Way, r.Shipper, r.Sent.Sub(d.began).Seconds(), r.Answer, at, nearest(events, at)))
		missing = missing[of:]
	}
	return told
}

// nearest returns the events next to a moment.
func nearest(events []event, at float64) []string {
	away := func(e event) float64 {
		switch {
		case at < e.At:
			return e.At - at
		case at > max(e.At, e.Until):
			return at - max(e.At, e.Until)
		}
		return 0
	}
	slices.SortStableFunc(events, func(a, b event) int { return int((away(a) - away(b)) * 1e6) })
	var near []string
	for _, e := range events[:min(3, len(events))] {
		near = append(near, fmt.Sprintf("%s %s at %.1f s", e.Target, e.What, e.At))
	}
	return near
}
