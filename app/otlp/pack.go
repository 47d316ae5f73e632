package otlp

import "google.golang.org/protobuf/encoding/protowire"

// frame is a message that is repeated when its items are divided: a resource
// with its scopes, or a scope with its logs.
type frame struct {
	entered int // how many messages it has been so far; tells them apart
	items   fields
	num     protowire.Number // of the items
	rest    [][]byte         // the fields that are no items
	size    int              // of rest
	restEnd int              // where the last of rest ends
}

// enter makes the frame that of another message.
func (f *frame) enter(message []byte, num protowire.Number) {
	f.entered++
	f.items, f.num = fields{buf: message}, num
	f.rest, f.size, f.restEnd = f.rest[:0], 0, 0
	for all := f.items; all.next(); {
		if !all.is(num) {
			f.rest = append(f.rest, all.raw())
			f.size += len(all.raw())
			f.restEnd = all.pos
		}
	}
}

func (f *frame) nextItem() bool {
	for f.items.next() {
		if f.items.is(f.num) {
			return true
		}
	}
	return false
}

func (f *frame) appendRest(dst []byte) []byte {
	for _, field := range f.rest {
		dst = append(dst, field...)
	}
	return dst
}

// appendItems appends the items behind the current one.
func (f *frame) appendItems(dst []byte) []byte {
	left := *f // stay where we are
	for left.items.pos < left.restEnd && left.nextItem() {
		dst = append(dst, left.items.raw()...)
	}
	if left.items.pos < left.restEnd {
		return dst
	}
	return append(dst, left.items.buf[left.items.pos:]...)
}

// packer writes one part: whole resources and scopes around the logs that it
// is given.
type packer struct {
	buf                     []byte
	sizes                   sizes
	resourceMark, scopeMark int
}

// add appends the cutter's next log, within its resource and scope.
func (p *packer) add(c *Cutter) {
	newResource := p.sizes.resourceNo != c.resource.entered
	newScope := newResource || p.sizes.scopeNo != c.scope.entered
	if newScope && p.sizes.scopeNo != 0 {
		p.buf = shut(p.buf, p.scopeMark)
	}
	if newResource {
		if p.sizes.resourceNo != 0 {
			p.buf = shut(p.buf, p.resourceMark)
		}
		p.buf, p.resourceMark = open(p.buf, requestResourceLogs)
		p.buf = c.resource.appendRest(p.buf)
	}
	if newScope {
		p.buf, p.scopeMark = open(p.buf, resourceLogsScopeLogs)
		p.buf = c.scope.appendRest(p.buf)
	}
	p.buf = append(p.buf, c.record...)
}

// end returns the part, or nil when nothing was added.
func (p *packer) end() []byte {
	if p.sizes.resourceNo == 0 {
		return nil
	}
	return shut(shut(p.buf, p.scopeMark), p.resourceMark)
}

// sizes are the lengths of a part as it will be once its open messages are
// shut. resourceNo and scopeNo say which frames are open, 0 for none.
type sizes struct {
	resourceNo, scopeNo     int
	before, resource, scope int // shut resources; content of the open one; of its open scope
}

// with returns the sizes after the cutter's next log is added.
func (s sizes) with(c *Cutter) sizes {
	switch {
	case s.resourceNo != c.resource.entered:
		s.before, s.resource, s.scope = s.total(), c.resource.size, c.scope.size
	case s.scopeNo != c.scope.entered:
		s.resource, s.scope = s.resource+sizeField(s.scope), c.scope.size
	}
	s.resourceNo, s.scopeNo = c.resource.entered, c.scope.entered
	s.scope += len(c.record)
	return s
}

func (s sizes) total() int {
	if s.resourceNo == 0 {
		return 0
	}
	return s.before + sizeField(s.resource+sizeField(s.scope))
}

// sizeField returns the length of a message field with a number below 16.
func sizeField(content int) int { return 1 + sizeVarint(uint64(content)) + content }
