// Package openapi holds the OpenAPI document of the gateway's /api, serves it, and
// holds requests to it. It also serves the document of the shipper, which is in
// http/intake and refers to this one for what both have in common.
//
//	openapi.yaml  the document; the servers of http/query and others are generated from it
//	document.go   a document as the program needs it; raw.go: as it is written
//	shared.go     one document's components out of another's
//	check.go      a request's parameters against the document
//	schema.go     one value against its schema
//	moment.go     times that a parameter gives: RFC 3339, Unix, and relative to now
//	parameter.go  what generated servers hand over of a parameter
//	wrong.go      all that is wrong, gathered; nulls.go: nulls in a body
//	docs.go       GET /openapi.yaml, /openapi.json and /docs
//	docs.html     the page: no script, nothing from elsewhere
//
// What generated servers are not told of it, and the head of their files, are in
// tools/openapi.
//
// To add an endpoint: describe it in openapi.yaml under a tag; let oapi-codegen
// make the server of your package from that tag (http/query/oapi.yaml shows
// how, go generate ./... does it); register it with Document.Check in front:
//
//	RegisterHandlersWithOptions(openapi.GetAndHead(e), NewStrictHandler(handlers, nil), RegisterHandlersOptions{
//		OperationMiddlewares: document.Middlewares(formats),
//	})
//
// The generated code stops at the first parameter that it cannot read. Check
// comes before it and names all that are wrong, each by its name, so that what
// the generated code reads is right.
package openapi
