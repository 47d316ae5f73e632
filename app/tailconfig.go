package app

// TailObserver is told what becomes of tails. It must be safe for concurrent use,
// and quick: it is called between logs.
type TailObserver interface {
	Told(logs int)      // they were handed out
	Missed(logs int64)  // a reader was too slow for them
	Gone(batches int64) // a tail that came back asked for them, and Kafka keeps them no more
	Refused()           // a tail that was one too many
}

// TailConfig bounds a TailHub.
type TailConfig struct {
	Observer TailObserver // nil: nobody
	MaxTails int          // tails at once; 0 means 64
	Buffer   int          // logs held for a tail whose reader is slow; 0 means 4096
	Bytes    int          // bytes of those; 0 means 4 MiB
}

func (c *TailConfig) setDefaults() {
	if c.MaxTails == 0 {
		c.MaxTails = 64
	}
	if c.Buffer == 0 {
		c.Buffer = 4096
	}
	if c.Bytes == 0 {
		c.Bytes = 4 << 20
	}
	if c.Observer == nil {
		c.Observer = unobserved{}
	}
}

// unobserved is a TailObserver that nobody reads.
type unobserved struct{}

func (unobserved) Told(int)     {}
func (unobserved) Missed(int64) {}
func (unobserved) Gone(int64)   {}
func (unobserved) Refused()     {}
