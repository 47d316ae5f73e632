package otlp

// otlpKind is how a field of OTLP stands in its JSON.
type otlpKind uint8

const (
	otlpMessage otlpKind = iota
	otlpText
	otlpNanos    // fixed64; a number, also in quotes
	otlpSeverity // a number or a name
	otlpUint32   // varint
	otlpFixed32
	otlpInt64 // a number, also in quotes
	otlpDouble
	otlpBool
	otlpBase64
	otlpTraceID // hexadecimal, unlike other bytes in the JSON of protobuf
	otlpSpanID
)

// otlpField is a field as a message in OTLP's JSON names it.
type otlpField struct {
	num      fieldNumber
	kind     otlpKind
	inner    shape // of an otlpMessage
	repeated bool
}

func one(num fieldNumber, kind otlpKind) otlpField { return otlpField{num: num, kind: kind} }

func single(num fieldNumber, inner shape) otlpField {
	return otlpField{num: num, kind: otlpMessage, inner: inner}
}

func messages(num fieldNumber, inner shape) otlpField {
	return otlpField{num: num, kind: otlpMessage, inner: inner, repeated: true}
}

// otlpFields are the fields of each message by name. Read only.
var otlpFields = [...]map[string]otlpField{
	shapeRequest: {"resourceLogs": messages(requestResourceLogs, shapeResourceLogs)},
	shapeResourceLogs: {
		"resource":  single(resourceLogsResource, shapeResource),
		"scopeLogs": messages(resourceLogsScopeLogs, shapeScopeLogs),
		"schemaUrl": one(3, otlpText),
	},
	shapeResource: {
		"attributes":             messages(resourceAttributes, shapeKeyValue),
		"droppedAttributesCount": one(2, otlpUint32),
		"entityRefs":             messages(3, shapeEntityRef),
	},
	shapeEntityRef: {
		"schemaUrl":       one(1, otlpText),
		"type":            one(2, otlpText),
		"idKeys":          {num: 3, kind: otlpText, repeated: true},
		"descriptionKeys": {num: 4, kind: otlpText, repeated: true},
	},
	shapeScopeLogs: {
		"scope":      single(scopeLogsScope, shapeScope),
		"logRecords": messages(scopeLogsRecords, shapeRecord),
		"schemaUrl":  one(3, otlpText),
	},
	shapeScope: {
		"name":                   one(scopeName, otlpText),
		"version":                one(scopeVersion, otlpText),
		"attributes":             messages(scopeAttributes, shapeKeyValue),
		"droppedAttributesCount": one(4, otlpUint32),
	},
	shapeRecord: {
		"timeUnixNano":           one(recordTime, otlpNanos),
		"observedTimeUnixNano":   one(recordObserved, otlpNanos),
		"severityNumber":         one(recordSeverityNumber, otlpSeverity),
		"severityText":           one(recordSeverityText, otlpText),
		"body":                   single(recordBody, shapeValue),
		"attributes":             messages(recordAttributes, shapeKeyValue),
		"droppedAttributesCount": one(recordDropped, otlpUint32),
		"flags":                  one(recordFlags, otlpFixed32),
		"traceId":                one(recordTraceID, otlpTraceID),
		"spanId":                 one(recordSpanID, otlpSpanID),
		"eventName":              one(recordEventName, otlpText),
	},
	shapeKeyValue: {
		"key":   one(keyValueKey, otlpText),
		"value": single(keyValueValue, shapeValue),
	},
	shapeValue: {
		"stringValue": one(valueString, otlpText),
		"boolValue":   one(valueBool, otlpBool),
		"intValue":    one(valueInt, otlpInt64),
		"doubleValue": one(valueDouble, otlpDouble),
		"arrayValue":  single(valueArray, shapeArray),
		"kvlistValue": single(valueList, shapeList),
		"bytesValue":  one(valueBytes, otlpBase64),
	},
	shapeArray: {"values": messages(arrayValues, shapeValue)},
	shapeList:  {"values": messages(listValues, shapeKeyValue)},
}

// wants says what a value in JSON must be.
func (k otlpKind) wants() string {
	switch k {
	case otlpMessage:
		return "an object"
	case otlpText:
		return "a string"
	case otlpNanos:
		return "nanoseconds since 1970, as in \"1795428000000000000\""
	case otlpSeverity:
		return "a number from 0 to 24 or a name, as in SEVERITY_NUMBER_INFO"
	case otlpUint32, otlpFixed32:
		return "an integer from 0 to 4294967295"
	case otlpInt64:
		return "an integer of 64 bits"
	case otlpDouble:
		return "a number, \"NaN\", \"Infinity\" or \"-Infinity\""
	case otlpBool:
		return "true or false"
	case otlpBase64:
		return "base64 text"
	case otlpTraceID:
		return "32 hexadecimal digits"
	default:
		return "16 hexadecimal digits"
	}
}
