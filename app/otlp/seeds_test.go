package otlp_test

import "strings"

// nastyJSON is one log each, good or bad.
func nastyJSON() []string {
	return []string{
		`{}`, `{"message":"hello"}`, `{"message":"caf\u00e9 \ud83e\udd80 \u0000 \"\\"}`, `{"message":null,"level":null}`,
		`{"time":"2026-11-23 10:00:00,5","lvl":"warning","app":"shop","hostname":"w1","msg":"hi","user":{"id":1,"id":2}}`,
		`{"@timestamp":"2026-11-23T10:00:00.123456789+02:00","log.level":"ERROR","service.name":"s","traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00f067aa0ba902b7"}`,
		`{"ts":1795428000.123456789,"level":30}`, `{"ts":"1795428000123","level":"60","severity":1}`, `{"ts":1.7954280001234567e+09}`,
		`{"n":9223372036854775807,"m":9223372036854775808,"o":-9223372036854775808,"p":0.1,"q":1e400,"r":-0,"s":-0.0,"t":3.14159265358979323846,"u":1e-320,"v":100e-2}`, `{"a":1e18,"b":1e20,"c":-9.3e18,"d":1e21,"e":1e-7}`, `{"message":n0}`, `{"level":nul`,
		`{"attributes":{"a":[1,[2,{"b":[]}],{}],"":null},"a":true,"a":false}`, `{"attributes":[]}`, `{"message":1}`, `{"msg":1,"log":{"level":"x"}}`,
		`{"time":"yesterday"}`, `{"time":-1}`, `{"time":1e30}`, `{"time":"0001-01-01T00:00:00Z"}`, `{"timestamp":"9999-12-31T23:59:59Z"}`,
		`{"trace_id":"xyz"}`, `{"trace_id":""}`, `{"span_id":"0000000000000000"}`, `{"trace_id":"4bf92f3577b34da6"}`,
		`{"message":"a","msg":"b","body":"c","text":{"d":1}}`, `{"level":"loud"}`, `{"level":0}`, `{"level":"  Info "}`, `{"severity_number":10}`,
		`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`,
		`{"a":"` + strings.Repeat("x", 300) + `"}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":1`, `{"a":}`, `{a:1}`, `[]`, `[1]`, `7`, `"x"`, `nul`, `{} {}`,
		"\ufeff{}", "{\n}", " \n ", "", "\x00", `{"resource.a":1,"severity_text":"t","event.name":"e"}`,
	}
}

// otlpBodies are requests in OTLP's JSON, good and bad.
func otlpBodies() []string {
	return []string{otlpExample, `{}`, `{"resourceLogs":[]}`, `{"resourceLogs":null}`, `{"resource_logs":[{"scope_logs":[{"log_records":[{}]}]}]}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"arrayValue":{"values":[{"intValue":"-9223372036854775808"},{"doubleValue":"NaN"},{"bytesValue":"_-8="},{}]}}}]}]}]}`,
		`{"resourceLogs":[{"resource":{"entityRefs":[{"type":"host","idKeys":["a","b"]}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":1.5e9,"severityNumber":"SEVERITY_NUMBER_WARN3"}]}]}]}`,
		`[]`, `{"resourceLogs":{}}`, `{"resourceLogs":[7]}`, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"x"}]}]}]}`, `{} {}`, `{"x":[{"y":1}]}`,
	}
}

// otlpExample is the example of the OpenTelemetry protocol's repository.
const otlpExample = `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},` +
	`"scopeLogs":[{"scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},` +
	`"logRecords":[{"timeUnixNano":"1544712660300000000","observedTimeUnixNano":"1544712660300000000","severityNumber":10,"severityText":"Information",` +
	`"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","body":{"stringValue":"Example log record"},` +
	`"attributes":[{"key":"string.attribute","value":{"stringValue":"some string"}},{"key":"boolean.attribute","value":{"boolValue":true}},` +
	`{"key":"int.attribute","value":{"intValue":"10"}},{"key":"double.attribute","value":{"doubleValue":637.704}},` +
	`{"key":"array.attribute","value":{"arrayValue":{"values":[{"stringValue":"many"},{"stringValue":"values"}]}}},` +
	`{"key":"map.attribute","value":{"kvlistValue":{"values":[{"key":"some.map.key","value":{"stringValue":"some value"}}]}}}]}]}]}]}`
