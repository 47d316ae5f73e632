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

// dateRank marks the one name for times that has other meanings too.
const dateRank = 5

// claims are the names that stand for something, as letters. Read only.
var claims = map[string]claim{
	"timestamp": {roleTime, 0}, "time": {roleTime, 1}, "ts": {roleTime, 2}, "datetime": {roleTime, 3},
	"asctime": {roleTime, 4}, "date": {roleTime, dateRank},
	"level": {roleLevel, 0}, "severity": {roleLevel, 1}, "loglevel": {roleLevel, 2}, "lvl": {roleLevel, 3},
	"levelname": {roleLevel, 4}, "severitytext": {roleLevel, 5}, "severitynumber": {roleLevel, severityNumberRank},
	"service": {roleService, 0}, "servicename": {roleService, 1}, "app": {roleService, 2}, "application": {roleService, 3},
	"appname": {roleService, 4}, "applicationname": {roleService, 5},
	"host": {roleHost, 0}, "hostname": {roleHost, 1},
	"message": {roleMessage, 0}, "msg": {roleMessage, 1}, "body": {roleMessage, 2}, "log": {roleMessage, 3},
	"text":       {roleMessage, 4},
	"traceid":    {roleTraceID, 0},
	"spanid":     {roleSpanID, 0},
	"attributes": {roleAttributes, 0},
}

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
	if claim, ok := claims[string(letters[:n])]; ok {
		return claim
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
