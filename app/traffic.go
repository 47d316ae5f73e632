package app

// Traffic is what went between a client and its servers since the program
// started. Its counts only grow.
type Traffic struct {
	Requests  map[string]int64 // by kind: "produce", "fetch", …
	Responses int64
	SentBytes int64
	ReadBytes int64
	InFlight  int64 // requests without their answer now
}

// PartitionLag is how far a consumer group is behind in one partition.
type PartitionLag struct {
	Topic     string
	Partition int32
	Records   int64 // written and not consumed
}
