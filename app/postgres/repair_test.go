package postgres_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"millrace/app"
	"millrace/app/postgres"
	"millrace/app/postgres/storetest"
)

// FuzzRepair: whatever a log holds, what is stored is text that PostgreSQL
// takes, a log that needs no repair stays as it is, and what was there can be
// had again.
func FuzzRepair(f *testing.F) {
	for _, attributes := range storetest.OddAttributes() {
		if len(attributes) < 10_000 {
			f.Add("a\x00b", "\xff", "host", "4bf9", []byte(attributes), int64(1))
		}
	}
	f.Add("message", "service", "host", "", []byte(`{"a":[1,{"b":"\ud83d\ude00"}],"millrace.raw.message":1}`), int64(1<<62))
	f.Add("message", "service", "h\x00st", "", []byte(`{"a":1e388}`), int64(1)) // no float64 holds it
	f.Fuzz(func(t *testing.T, message, service, host, trace string, attributes []byte, seconds int64) {
		in := app.Log{Time: time.Unix(seconds, 1), ReceivedAt: storetest.Now, Message: message, Service: service, Host: host, TraceID: trace, Attributes: attributes}
		before := in
		before.Attributes = bytes.Clone(attributes)
		for _, out := range []*app.Log{postgres.Repaired(&in), postgres.Armoured(&in)} {
			checkStorable(t, out)
			checkLossless(t, &in, out)
		}
		if in.Message != before.Message || !bytes.Equal(in.Attributes, before.Attributes) || !in.Time.Equal(before.Time) {
			t.Fatal("the log itself was changed")
		}
		once := *postgres.Repaired(&in)
		if twice := postgres.Repaired(&once); twice != &once {
			t.Fatalf("a repaired log needs repair: %+v", once)
		}
	})
}

func checkStorable(t *testing.T, log *app.Log) {
	for _, text := range []string{log.Message, log.Service, log.Host, log.TraceID} {
		if strings.ToValidUTF8(text, "") != text || strings.Contains(text, "\x00") {
			t.Fatalf("%q cannot be stored", text)
		}
	}
	if len(log.Service) > 1024 || log.Time.Year() < 0 || log.Time.Year() > 9999 {
		t.Fatalf("service of %d bytes in %d", len(log.Service), log.Time.Year())
	}
	if len(log.Attributes) == 0 {
		return
	}
	if !postgres.StorableJSON(log.Attributes) || !json.Valid(log.Attributes) {
		t.Fatalf("%q cannot be stored", log.Attributes)
	}
	// What is called storable decodes, and holds no NUL.
	tree, err := membersOf(log.Attributes)
	if err != nil {
		t.Fatalf("%q: %v", log.Attributes, err)
	}
	if again, err := json.Marshal(tree); err != nil || bytes.Contains(again, []byte(`\u0000`)) {
		t.Fatalf("%q, %v", again, err)
	}
}

// checkLossless tells whether every member is as it was, or kept as raw.
func checkLossless(t *testing.T, in, out *app.Log) {
	attributes, _ := membersOf(out.Attributes)
	for name, member := range map[string][2]string{
		"message":    {in.Message, out.Message},
		"service":    {in.Service, out.Service},
		"host":       {in.Host, out.Host},
		"trace_id":   {in.TraceID, out.TraceID},
		"timestamp":  {in.Time.UTC().Format(time.RFC3339Nano), out.Time.UTC().Format(time.RFC3339Nano)},
		"attributes": {string(in.Attributes), string(out.Attributes)},
	} {
		was, is := member[0], member[1]
		text, _ := attributes["millrace.raw."+name].(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		if was == is || err == nil && string(raw) == was {
			continue
		}
		if name == "attributes" && keepsMembers(in.Attributes, attributes) {
			continue // ours were added
		}
		t.Fatalf("%s %q became %q with attributes %s", name, was, is, out.Attributes)
	}
}

// membersOf decodes an object; its numbers may be beyond what a float64 holds.
func membersOf(object []byte) (members map[string]any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	err = decoder.Decode(&members)
	return members, err
}

// keepsMembers tells whether every member of an object is in the other.
func keepsMembers(object []byte, in map[string]any) bool {
	if len(object) == 0 {
		return true
	}
	members, err := membersOf(object)
	if err != nil {
		return false
	}
	for name, value := range members {
		want, _ := json.Marshal(value)
		got, _ := json.Marshal(in[name])
		if !bytes.Equal(want, got) {
			return false
		}
	}
	return true
}

func TestLogsAsTheyComeNeedNoRepair(t *testing.T) {
	log := logAt(0, "日本 🦀 \t\n\x7f")
	log.Attributes = json.RawMessage(` {"a": {"b": [1, -2.5e-3, null, true, false, "\u00e9\ud83e\udd80\\\"\n", {}]}, "": []} `)
	if postgres.Repaired(&log) != &log {
		t.Error("it was copied")
	}
}
