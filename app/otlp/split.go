package otlp

// Split cuts a payload in two: head has as many whole logs, from the first on,
// as keep it within maxLogs logs and maxBytes bytes, and tail has the others.
// Both are requests; when the cut falls between two logs of one resource or
// scope, tail repeats that resource, scope and schema URL.
//
// When all fits, head is the payload itself and tail is nil. When not even the
// first log fits, head is nil, headLogs is 0 and tail is the payload itself.
// Cutting drops what holds no log (a resource without logs, unknown fields of
// the request). The same input is always cut the same way. An error is of
// app.KindInvalid; of the bytes behind the cut only the tags are looked at, and
// those of the last resource alone.
//
// To cut one payload into many parts use a Cutter, which does not copy the
// tail each time.
func Split(payload []byte, maxLogs, maxBytes int) (head, tail []byte, headLogs int, err error) {
	if len(payload) <= maxBytes {
		if n, fits := countUpTo(payload, maxLogs); fits {
			return payload, nil, n, nil
		}
	}
	c := NewCutter(payload)
	if head, headLogs, err = c.Next(maxLogs, maxBytes); err != nil {
		return nil, nil, 0, err
	}
	if headLogs == 0 && !c.Done() {
		return nil, payload, 0, nil
	}
	if tail, err = c.Rest(); err != nil {
		return nil, nil, 0, err
	}
	return head, tail, headLogs, nil
}

// countUpTo counts logs without looking into them. It returns false when there
// are more than limit, or when the payload is broken.
func countUpTo(payload []byte, limit int) (logs int, ok bool) {
	request := fields{buf: payload}
	for request.next() {
		if !request.is(requestResourceLogs) {
			continue
		}
		resource := fields{buf: request.bytes}
		for resource.next() {
			if !resource.is(resourceLogsScopeLogs) {
				continue
			}
			scope := fields{buf: resource.bytes}
			for scope.next() {
				if scope.is(scopeLogsRecords) {
					logs++
				}
			}
			if scope.broken || logs > limit {
				return logs, false
			}
		}
		if resource.broken {
			return logs, false
		}
	}
	return logs, !request.broken && logs <= limit
}

// Cutter cuts a payload into parts, one after the other, in time proportional
// to the sizes of the payload and of the parts. Not for concurrent use.
type Cutter struct {
	request         fields
	resource, scope frame  // what the next log belongs to
	record          []byte // the next log as a field; nil at the end
	broken          bool
}

// NewCutter returns a Cutter at the first log of a payload.
func NewCutter(payload []byte) *Cutter {
	c := &Cutter{request: fields{buf: payload}}
	c.advance()
	return c
}

// Done tells whether every log has been handed out.
func (c *Cutter) Done() bool { return c.record == nil }

// Next returns the next logs that fit into both limits, as a payload of its
// own, and how many they are: none when Done, or when the first of them alone
// takes more than maxBytes (a later call with more room returns it).
func (c *Cutter) Next(maxLogs, maxBytes int) (part []byte, logs int, err error) {
	var p packer
	for !c.Done() && logs < maxLogs {
		grown := p.sizes.with(c)
		if grown.total() > maxBytes {
			break
		}
		if logs == 0 {
			guess := grown.total() + (min(maxLogs, 1<<20)-1)*(len(c.record)+8)
			p.buf = make([]byte, 0, min(maxBytes, guess, grown.total()+len(c.request.buf)-c.request.start))
		}
		p.add(c)
		p.sizes = grown
		logs++
		c.advance()
	}
	if c.broken {
		return nil, 0, errBroken("some are cut off, or are no protobuf")
	}
	return p.end(), logs, nil
}

// Rest returns the logs that Next has not handed out, as one payload, or nil
// when Done. It takes nothing from what Next returns.
func (c *Cutter) Rest() ([]byte, error) {
	if c.broken {
		return nil, errBroken("some are cut off, or are no protobuf")
	}
	if c.Done() {
		return nil, nil
	}
	p := packer{buf: make([]byte, 0, len(c.request.buf)-c.request.start+c.resource.size+c.scope.size+32)}
	p.add(c)
	p.buf = c.scope.appendItems(p.buf)
	p.buf = shut(p.buf, p.scopeMark)
	p.buf = c.resource.appendItems(p.buf)
	p.buf = shut(p.buf, p.resourceMark)
	return append(p.buf, c.request.buf[c.request.pos:]...), nil
}

// advance moves to the next log, wherever it is.
func (c *Cutter) advance() {
	c.record = nil
	for {
		switch {
		case c.scope.nextItem():
			c.record = c.scope.items.raw()
			return
		case c.scope.items.broken:
			c.broken = true
			return
		case c.resource.nextItem():
			c.scope.enter(c.resource.items.bytes, scopeLogsRecords)
		case c.resource.items.broken:
			c.broken = true
			return
		case c.request.next():
			if c.request.is(requestResourceLogs) {
				c.resource.enter(c.request.bytes, resourceLogsScopeLogs)
			}
		default:
			c.broken = c.request.broken
			return
		}
	}
}
