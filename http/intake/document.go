package intake

import (
	_ "embed"

	"millrace/http/openapi"
)

//go:embed openapi.yaml
var description []byte

// Document describes the endpoints of a shipper, for its users: the requests
// that Intake takes and all that it answers, and GET /api/shipper. An error is a
// fault of the description itself.
func Document() (*openapi.Document, error) { return openapi.ReadOf(description) }
