package otlp

// common is the attributes that all logs of a scope share, rendered once.
type common struct {
	members // their values are rendered, into text
	text    []byte
	json    []byte // all of them as members of an object
}

// share renders what the logs of a scope have in common.
func (w *walker) share(scopeLogs []byte) bool {
	w.shared.reset()
	w.own.reset() // here: the scope's attributes
	var name, version string
	f := fields{buf: scopeLogs}
	for f.next() {
		if !f.is(scopeLogsScope) {
			continue
		}
		scope := fields{buf: f.bytes}
		for scope.next() {
			switch {
			case scope.is(scopeName):
				name = alias(scope.bytes)
			case scope.is(scopeVersion):
				version = alias(scope.bytes)
			case scope.is(scopeAttributes) && !w.own.putKeyValue(scope.bytes):
				return false
			}
		}
		if scope.broken {
			return false
		}
	}
	return !f.broken && w.shared.fill(&w.renderer, name, version, &w.own, &w.resource)
}

// fill renders the shared attributes, of which the first to claim a key has it.
func (c *common) fill(r *renderer, name, version string, scope, resource *members) bool {
	c.text = c.text[:0]
	if name != "" {
		c.claim("scope.", "otel.scope.name", appendText(c.text, name))
	}
	if version != "" {
		c.claim("scope.", "otel.scope.version", appendText(c.text, version))
	}
	if !c.claimAll(r, "scope.", scope) || !c.claimAll(r, "resource.", resource) {
		return false
	}
	c.json, _ = r.appendMembers(c.json[:0], &c.members, 0)
	return true
}

// claim adds an attribute. Its value is what text has grown by.
func (c *common) claim(prefix, key string, text []byte) {
	value := text[len(c.text):]
	c.text = text
	c.addFree(member{key: key, prefix: prefix, value: value, rendered: true})
}

func (c *common) claimAll(r *renderer, prefix string, attributes *members) bool {
	for _, m := range attributes.list {
		text, ok := r.appendValue(c.text, m.value, 0)
		if !ok {
			return false
		}
		c.claim(prefix, m.key, text)
	}
	return true
}
