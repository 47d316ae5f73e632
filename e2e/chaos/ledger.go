package main

import "fmt"

// entry is a row of the ledger, or of the quarantine.
type entry struct {
	Number  int64
	Shipper string
	First   int64
	Count   int64
	Another bool // another producer's, whose sequence has gaps by nature
	Aside   bool // in the quarantine
}

// ledgerFindings is what the ledger says, held against the logs.
type ledgerFindings struct {
	Batches  int      `json:"batches"`
	Aside    int      `json:"aside"` // items of the quarantine
	Shippers int      `json:"shippers"`
	Logs     int      `json:"logs"`
	Gaps     []string `json:"gaps"`
	Wrong    []string `json:"wrong"`
}

// checkLedger holds the ledger and the quarantine, in order of shipper and first
// sequence number, against the rows that each batch has, by its number, and
// against how many logs were set aside apart from their batch: these have a
// place in it, and no row.
func checkLedger(ledger []entry, rows map[int64]int64, apart int64) ledgerFindings {
	var f ledgerFindings
	var short, reach, stored int64 // the last number that is there, and that is stored
	var shipper string
	known := map[int64]bool{}
	for _, e := range ledger {
		if e.Shipper != shipper {
			f.Shippers++
			shipper, reach, stored = e.Shipper, 0, 0
		}
		if !e.Another && e.First > reach+1 {
			f.Gaps = append(f.Gaps, fmt.Sprintf("shipper %s: %d follows %d", e.Shipper, e.First, reach))
			f.Wrong = append(f.Wrong, fmt.Sprintf("the ledger has a gap: shipper %s, %d follows %d", e.Shipper, e.First, reach))
		}
		reach = max(reach, e.First+e.Count-1)
		if e.Aside {
			f.Aside++
			continue
		}
		if !e.Another && e.First <= stored {
			f.Wrong = append(f.Wrong, fmt.Sprintf("the ledger has numbers twice: shipper %s, %d follows %d", e.Shipper, e.First, stored))
		}
		stored = max(stored, e.First+e.Count-1)
		known[e.Number] = true
		f.Batches++
		f.Logs += int(e.Count)
		if have := rows[e.Number]; have > e.Count {
			f.Wrong = append(f.Wrong, fmt.Sprintf("batch %d of shipper %s has %d logs and the ledger says %d", e.Number, e.Shipper, have, e.Count))
		} else {
			short += e.Count - have
		}
	}
	for number, have := range rows {
		if !known[number] {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%d logs are of batch %d, which is not in the ledger", have, number))
		}
	}
	if short != apart {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%d logs of the ledger's batches are not there and %d of them are set aside", short, apart))
	}
	return f
}
