package lines_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/app/lines"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, cfg lines.Config) (out []string) {
	t.Helper()
	err := lines.Read(t.Context(), cfg, func(line []byte) error {
		out = append(out, string(line))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLinesBecomeLogs(t *testing.T) {
	for in, want := range map[string]string{
		`{"msg":"hi","level":"warn"}`:              `{"msg":"hi","level":"warn","service":"s","host":"h"}`,
		` {"app":"shop", "hostname":"x", "m":{}} `: `{"app":"shop", "hostname":"x", "m":{}}`,
		`{}`:         `{"message":"","service":"s","host":"h"}`,
		`{"broken":`: `{"message":"{\"broken\":","service":"s","host":"h"}`,
		`[1,2]`:      `{"message":"[1,2]","service":"s","host":"h"}`,
		`level=info msg="all well" n=3 ok=true zip=00501`: `{"level":"info","msg":"all well","n":3,"ok":true,"zip":"00501","service":"s","host":"h"}`,
		`ts=1 msg=a msg=b`:       `{"message":"ts=1 msg=a msg=b","service":"s","host":"h"}`,
		`set a=1 and b=2`:        `{"message":"set a=1 and b=2","service":"s","host":"h"}`,
		`a=1 b=2`:                `{"message":"a=1 b=2","service":"s","host":"h"}`,
		`GET /?level=1 HTTP/1.1`: `{"message":"GET /?level=1 HTTP/1.1","service":"s","host":"h"}`,
		"tab\tand \x00 and \xff": `{"message":"tab\tand \u0000 and �","service":"s","host":"h"}`,
	} {
		got := read(t, lines.Config{Stdin: strings.NewReader(in + "\r\n\n"), Service: "s", Host: "h"})
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestFilesAreReadInTurnAndUnpacked(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "shop.log"), filepath.Join(dir, "old.log.gz")
	write(t, plain, "one\ntwo")
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	w.Write([]byte("three\n"))
	w.Close()
	write(t, packed, buffer.String())
	total := 0
	cfg := lines.Config{Files: []string{plain, packed}, Read: func(n int) { total += n }}
	got := read(t, cfg)
	want := []string{`{"message":"one","service":"shop"}`, `{"message":"two","service":"shop"}`, `{"message":"three","service":"old"}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %s", got)
	}
	if size, known := cfg.Size(); !known || size != int64(total) {
		t.Errorf("size %d, %v; read %d", size, known, total)
	}
	if err := lines.Read(t.Context(), lines.Config{Files: []string{dir + "/none"}}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestALineWithoutEndIsCut(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	got := read(t, lines.Config{Stdin: strings.NewReader(long + "\nshort\n")})
	total := 0
	for _, line := range got[:len(got)-1] {
		var log struct{ Message string }
		if err := json.Unmarshal([]byte(line), &log); err != nil {
			t.Fatal(err)
		}
		total += len(log.Message)
	}
	if total != len(long) || len(got) != 5 || !strings.Contains(got[0], "millrace.truncated") || !strings.Contains(got[4], "short") {
		t.Errorf("%d lines with %d bytes", len(got), total)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "app.log")
	ctx, stop := context.WithCancel(t.Context())
	got, ended := make(chan string, 100), make(chan error, 1)
	go func() {
		ended <- lines.Read(ctx, lines.Config{Files: []string{name}, Follow: true}, func(line []byte) error {
			got <- string(line)
			return nil
		})
	}()
	next := func(want string) {
		t.Helper()
		select {
		case line := <-got:
			if line != `{"message":"`+want+`","service":"app"}` {
				t.Fatalf("got %s, want %s", line, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s did not come", want)
		}
	}
	write(t, name, "the file came later\n")
	next("the file came later")
	write(t, name, "half a ")
	write(t, name, "line\nand one more\n")
	next("half a line")
	next("and one more")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, name+".1", "after it was moved\n")
	write(t, name, "the new one\n")
	next("after it was moved")
	next("the new one")
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	write(t, name, "short\n")
	next("short")
	write(t, name, "no end")
	stop() // what the file holds by now is still read
	next("no end")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `level=info msg="x"`, "a=", `k="`, "\xff{}", `{"a":1}}`, "msg=\x00", `{ }`, `{"a":1 }`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		err := lines.Read(t.Context(), lines.Config{Stdin: bytes.NewReader(line), Service: "s", Host: "h"}, func(out []byte) error {
			if !json.Valid(out) || bytes.ContainsRune(out, '\n') || out[0] != '{' {
				t.Errorf("%q became %q", line, out)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
