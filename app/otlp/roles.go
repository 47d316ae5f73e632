package otlp

import "github.com/go-json-experiment/json/jsontext"

// role is what a member of a plain JSON log stands for.
type role uint8

const (
	roleTime role = iota
	roleLevel
	roleService
	roleHost
	roleMessage
	roleTraceID
	roleSpanID
	roleCount // of the roles that one value fills

	roleAttributes
	roleNone
)

// claim is a member name's claim to a role: of several the lowest rank has it.
type claim struct {
	role role
	rank uint8
}

// severityNumberRank marks the one name for levels whose numbers are always
// OpenTelemetry's.
const severityNumberRank = 6

// claimOf returns what a member name stands for. Only its letters count.
func claimOf(name []byte) claim {
	var letters [16]byte
	n := 0
	for _, b := range name {
		if b|0x20 >= 'a' && b|0x20 <= 'z' {
			if n == len(letters) {
				return claim{role: roleNone}
			}
			letters[n] = b | 0x20
			n++
		} else if b != '_' && b != '.' && b != '-' && b != '@' {
			return claim{role: roleNone}
		}
	}
	switch string(letters[:n]) {
	case "timestamp":
		return claim{roleTime, 0}
	case "time":
		return claim{roleTime, 1}
	case "ts":
		return claim{roleTime, 2}
	case "datetime":
		return claim{roleTime, 3}
	case "asctime":
		return claim{roleTime, 4}
	case "level":
		return claim{roleLevel, 0}
	case "severity":
		return claim{roleLevel, 1}
	case "loglevel":
		return claim{roleLevel, 2}
	case "lvl":
		return claim{roleLevel, 3}
	case "levelname":
		return claim{roleLevel, 4}
	case "severitytext":
		return claim{roleLevel, 5}
	case "severitynumber":
		return claim{roleLevel, severityNumberRank}
	case "service":
		return claim{roleService, 0}
	case "servicename":
		return claim{roleService, 1}
	case "app":
		return claim{roleService, 2}
	case "application":
		return claim{roleService, 3}
	case "appname":
		return claim{roleService, 4}
	case "applicationname":
		return claim{roleService, 5}
	case "host":
		return claim{roleHost, 0}
	case "hostname":
		return claim{roleHost, 1}
	case "message":
		return claim{roleMessage, 0}
	case "msg":
		return claim{roleMessage, 1}
	case "body":
		return claim{roleMessage, 2}
	case "log":
		return claim{roleMessage, 3}
	case "text":
		return claim{roleMessage, 4}
	case "traceid":
		return claim{roleTraceID, 0}
	case "spanid":
		return claim{roleSpanID, 0}
	case "attributes":
		return claim{roleAttributes, 0}
	}
	return claim{role: roleNone}
}

// takes tells whether a value of a kind can fill the role.
func (r role) takes(kind jsontext.Kind) bool {
	switch kind {
	case jsontext.KindString:
		return r != roleAttributes
	case jsontext.KindNumber:
		return r == roleTime || r == roleLevel
	case jsontext.KindBeginObject:
		return r == roleAttributes
	default:
		return false
	}
}

// wants says what the role takes.
func (r role) wants() string {
	switch r {
	case roleTime:
		return "a time, as text or number"
	case roleLevel:
		return "a level, as text or number"
	case roleAttributes:
		return "an object"
	default:
		return "a string"
	}
}

// kindNames are for people.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case jsontext.KindNull:
		return "null"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindBeginObject:
		return "an object"
	default:
		return "no JSON"
	}
}
