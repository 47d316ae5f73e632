package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
)

// service is the service of every log that is sent here.
const service = "chaos"

// oversize is the size of a text that no record of Kafka's can hold, however it
// is compressed: the texts of such logs are random.
const oversize = 2 << 20

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 äß漢🙂\\\"'<>%\t"

var letters = []rune(alphabet)

// text returns the message of the log numbered n: its number and letters that
// follow from it, so that a log that was changed on its way shows.
func text(n int, large bool) string {
	random := rand.New(rand.NewPCG(uint64(n), 2))
	size := random.IntN(200)
	if random.IntN(50) == 0 {
		size += random.IntN(20_000)
	}
	if large {
		size = oversize
	}
	var b strings.Builder
	b.Grow(size + 40)
	fmt.Fprintf(&b, "log %d ", n)
	for range size {
		b.WriteRune(letters[random.IntN(len(letters))])
	}
	hash := fnv.New32a()
	hash.Write([]byte(b.String()))
	fmt.Fprintf(&b, " %08x", hash.Sum32())
	return b.String()
}

// number returns which log a message is of. whole is false when the message is
// not as it was sent.
func number(message string) (n int, whole bool) {
	body, sum, ok := cutLast(message)
	_, rest, named := strings.Cut(body, "log ")
	digits, _, spaced := strings.Cut(rest, " ")
	n, err := strconv.Atoi(digits)
	if !ok || !named || !spaced || err != nil {
		return -1, false
	}
	hash := fnv.New32a()
	hash.Write([]byte(body))
	return n, fmt.Sprintf("%08x", hash.Sum32()) == sum
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
