package otlp

import "google.golang.org/protobuf/encoding/protowire"

// shape is a message type of OTLP logs.
type shape uint8

const (
	shapeNone shape = iota // not a message, or one nobody reads
	shapeRequest
	shapeResourceLogs
	shapeResource
	shapeScopeLogs
	shapeScope
	shapeRecord
	shapeKeyValue
	shapeValue
	shapeArray
	shapeList
	shapeEntityRef
)

// Field numbers of opentelemetry/proto/{collector/logs,logs,resource,common}/v1.
const (
	requestResourceLogs protowire.Number = 1

	resourceLogsResource  protowire.Number = 1
	resourceLogsScopeLogs protowire.Number = 2

	resourceAttributes protowire.Number = 1

	scopeLogsScope   protowire.Number = 1
	scopeLogsRecords protowire.Number = 2

	scopeName       protowire.Number = 1
	scopeVersion    protowire.Number = 2
	scopeAttributes protowire.Number = 3

	recordTime           protowire.Number = 1
	recordSeverityNumber protowire.Number = 2
	recordSeverityText   protowire.Number = 3
	recordBody           protowire.Number = 5
	recordAttributes     protowire.Number = 6
	recordDropped        protowire.Number = 7
	recordFlags          protowire.Number = 8
	recordTraceID        protowire.Number = 9
	recordSpanID         protowire.Number = 10
	recordObserved       protowire.Number = 11
	recordEventName      protowire.Number = 12

	keyValueKey   protowire.Number = 1
	keyValueValue protowire.Number = 2

	valueString protowire.Number = 1
	valueBool   protowire.Number = 2
	valueInt    protowire.Number = 3
	valueDouble protowire.Number = 4
	valueArray  protowire.Number = 5
	valueList   protowire.Number = 6
	valueBytes  protowire.Number = 7

	arrayValues protowire.Number = 1
	listValues  protowire.Number = 1
)

// inner is the shape of the message in each field of a message, by its number;
// shapeNone where there is no message. Numbers above are of no message. Read
// only.
var inner = [...][16]shape{
	shapeRequest:      {requestResourceLogs: shapeResourceLogs},
	shapeResourceLogs: {resourceLogsResource: shapeResource, resourceLogsScopeLogs: shapeScopeLogs},
	shapeResource:     {resourceAttributes: shapeKeyValue},
	shapeScopeLogs:    {scopeLogsScope: shapeScope, scopeLogsRecords: shapeRecord},
	shapeScope:        {scopeAttributes: shapeKeyValue},
	shapeRecord:       {recordBody: shapeValue, recordAttributes: shapeKeyValue},
	shapeKeyValue:     {keyValueValue: shapeValue},
	shapeValue:        {valueArray: shapeArray, valueList: shapeList},
	shapeArray:        {arrayValues: shapeValue},
	shapeList:         {listValues: shapeKeyValue},
}
