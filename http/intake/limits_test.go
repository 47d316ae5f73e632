package intake_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"millrace/http/intake"
)

// zeros is an endless body that knows how much of it was read.
type zeros struct{ read int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += int64(len(p))
	return len(p), nil
}

func (*zeros) Close() error { return nil }

// allocated returns the bytes that f makes the heap grow by, garbage included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A body of 20 times the limit costs no more than the limit, however it comes.
func TestABombStopsAtTheLimit(t *testing.T) {
	const maxBody = 512 << 10
	in, e := newIntake(t, intake.Config{MaxBody: maxBody})
	handle(t, in, ack)
	large := make([]byte, 20*maxBody)
	for _, encoding := range []string{"gzip", "zstd", "deflate"} {
		bomb := compress(t, encoding, large)
		var w *httptest.ResponseRecorder
		used := allocated(func() { w = serve(e, request("/api/logs", bomb, "Content-Encoding", encoding)) })
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: answered %d %s", encoding, w.Code, w.Body)
		}
		if used > 16<<20 {
			t.Errorf("%s: %d bytes of memory for a limit of %d", encoding, used, maxBody)
		}
	}
}

// A zstd frame of a few bytes can ask for a window of gigabytes.
func TestAZstdWindowIsBounded(t *testing.T) {
	in, e := newIntake(t, intake.Config{MaxBody: 1 << 20})
	handle(t, in, ack)
	frame := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
	frame = append(frame, 0x00, 21<<3) // no content size; a window of 2 GiB
	frame = append(frame, 0x01, 0, 0)  // an empty last block
	var w *httptest.ResponseRecorder
	used := allocated(func() { w = serve(e, request("/api/logs", frame, "Content-Encoding", "zstd")) })
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "window") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if used > 4<<20 {
		t.Errorf("%d bytes of memory", used)
	}
}

func TestAnEndlessBodyIsReadNoFurtherThanTheLimit(t *testing.T) {
	in, e := newIntake(t, intake.Config{MaxBody: 1 << 20})
	handle(t, in, ack)
	body := &zeros{}
	r := httptest.NewRequest(http.MethodPost, "/api/logs", body)
	r.ContentLength = -1
	if w := serve(e, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d", w.Code)
	}
	if body.read > 3<<20 {
		t.Errorf("read %d bytes", body.read)
	}
	// zstd's frames may hold nothing but what is to be skipped.
	skippable := append(binary.LittleEndian.AppendUint32(nil, 0x184D2A50), 0xFF, 0xFF, 0xFF, 0x7F)
	r = httptest.NewRequest(http.MethodPost, "/api/logs", io.MultiReader(bytes.NewReader(skippable), body))
	r.ContentLength = -1
	r.Header.Set("Content-Encoding", "zstd")
	body.read = 0
	if w := serve(e, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if body.read > 3<<20 {
		t.Errorf("read %d bytes to skip them", body.read)
	}
}

// Content-Length is a claim: it is refused unread when it is too large, and
// gets little memory when it is not true.
func TestContentLengthIsNotTrusted(t *testing.T) {
	in, e := newIntake(t, intake.Config{MaxBody: 64 << 20})
	handle(t, in, ack)
	body := &zeros{}
	r := httptest.NewRequest(http.MethodPost, "/api/logs", body)
	r.ContentLength = 65 << 20
	if w := serve(e, r); w.Code != http.StatusRequestEntityTooLarge || body.read > 0 {
		t.Errorf("answered %d after %d bytes", w.Code, body.read)
	}
	r = httptest.NewRequest(http.MethodPost, "/api/logs", io.MultiReader(strings.NewReader("{"), failing{}))
	r.ContentLength = 64 << 20
	var w *httptest.ResponseRecorder
	used := allocated(func() { w = serve(e, r) })
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "to its end") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if used > 2<<20 {
		t.Errorf("%d bytes of memory for a claim", used)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// All bodies together have a limit too, and it is given back.
func TestMemoryOfAllBodiesIsBounded(t *testing.T) {
	observed := newTally()
	in, e := newIntake(t, intake.Config{MaxBody: 1 << 20, MaxMemory: 1 << 20, Observer: observed})
	handle(t, in, ack)
	half := bytes.Repeat([]byte("a"), 600<<10)
	proto := []string{"Content-Type", "application/x-protobuf"}

	held, hold := io.Pipe()
	status := make(chan int, 1)
	go func() {
		r := httptest.NewRequest(http.MethodPost, "/v1/logs", held)
		r.Header.Set(proto[0], proto[1])
		r.ContentLength = -1
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		status <- w.Code
	}()
	// The second write is read once the first was counted.
	for _, part := range [][]byte{half, []byte("a")} {
		if _, err := hold.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if w := serve(e, request("/v1/logs", half, proto...)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a second half: answered %d", w.Code)
	}
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != http.StatusOK {
		t.Errorf("the first half: answered %d", got)
	}
	for range 3 {
		if w := serve(e, request("/v1/logs", half, proto...)); w.Code != http.StatusOK {
			t.Errorf("afterwards: answered %d", w.Code)
		}
	}
	if observed.refused["busy"] != 1 {
		t.Errorf("observed %v", observed.refused)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]intake.Config{
		"no codec":        {},
		"negative limit":  {Codec: fakeCodec{}, MaxBody: -1},
		"negative time":   {Codec: fakeCodec{}, Timeout: -1},
		"too little room": {Codec: fakeCodec{}, MaxBody: 10, MaxMemory: 9},
	} {
		if _, err := intake.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
