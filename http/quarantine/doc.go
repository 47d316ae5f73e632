// Package quarantine answers over HTTP what was set aside, and takes orders to
// replay or discard it.
//
//	GET  /api/quarantine                 items, page by page
//	GET  /api/quarantine/{item}          one item, with its headers, its history and its logs
//	GET  /api/quarantine/{item}/payload  its bytes
//	POST /api/quarantine/replay          sends items through the pipeline again
//	POST /api/quarantine/discard         gives items up
//
// All of it is described in http/openapi/openapi.yaml, from which generated.go is
// made (oapi.yaml says how).
//
//	quarantine.go  Config, Mount, the list
//	item.go        one item
//	decide.go      replaying and discarding
package quarantine

//go:generate go tool -modfile=../../tools/openapi/go.mod oapi-codegen -config oapi.yaml ../openapi/openapi.yaml
