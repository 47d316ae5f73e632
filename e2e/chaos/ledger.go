package main

import "fmt"

// entry is a row of the ledger.
type entry struct {
	Number  int64
	Shipper string
	First   int64
	Count   int64
	Another bool // another producer's, whose sequence has gaps by nature
}

// ledgerFindings is what the ledger says, held against the logs.
type ledgerFindings struct {
	Batches  int      `json:"batches"`
	Shippers int      `json:"shippers"`
	Logs     int      `json:"logs"`
	Gaps     []string `json:"gaps"`
	Wrong    []string `json:"wrong"`
}

// checkLedger holds the ledger, in order of shipper and first sequence number,
// against the rows that each batch has, by its number, and against how many
// logs were set aside: these have a number in their shipper's sequence, or a
// place in a batch, and no row.
func checkLedger(ledger []entry, rows map[int64]int64, aside int) ledgerFindings {
	f := ledgerFindings{Batches: len(ledger)}
	var short, gone int64
	var last entry
	known := map[int64]bool{}
	for _, e := range ledger {
		known[e.Number] = true
		f.Logs += int(e.Count)
		if e.Shipper != last.Shipper {
			f.Shippers++
			last = entry{Shipper: e.Shipper, First: 1}
		}
		if due := last.First + last.Count; !e.Another && e.First != due {
			f.Gaps = append(f.Gaps, fmt.Sprintf("shipper %s: %d follows %d", e.Shipper, e.First, due-1))
			if e.First < due {
				f.Wrong = append(f.Wrong, fmt.Sprintf("the ledger has numbers twice: shipper %s, %d follows %d", e.Shipper, e.First, due-1))
			}
			gone += e.First - due
		}
		if have := rows[e.Number]; have > e.Count {
			f.Wrong = append(f.Wrong, fmt.Sprintf("batch %d of shipper %s has %d logs and the ledger says %d", e.Number, e.Shipper, have, e.Count))
		} else {
			short += e.Count - have
		}
		last = e
	}
	for number, have := range rows {
		if !known[number] {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%d logs are of batch %d, which is not in the ledger", have, number))
		}
	}
	if lacking := short + gone; lacking > int64(aside) {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%d logs of the ledger are not there (%d in %d gaps) and %d are set aside", lacking, gone, len(f.Gaps), aside))
	}
	return f
}
