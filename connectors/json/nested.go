package json

import (
	"slices"

	"github.com/zeebo/xxh3"
)

// object reads the object at p into the fields of n.
func (d *decoder) object(n *node, b []byte, p, at int) int {
	d.stamp++
	stamp, seen := d.stamp, 0
	ks := n.keys
	link := &ks.first // where the guess came from
	p = space(b, p+1)
	if b[p] == '}' {
		n.missing(at, stamp, 0)
		return p + 1
	}
	for {
		i := *link
		end, ok := p, false
		if int(i) < len(ks.list) {
			end, ok = ks.list[i].match(b, p)
		}
		if !ok {
			if i, end = d.key(n, b, p); end < 0 {
				return end
			}
			if i >= 0 {
				*link = i
			}
		}
		at2 := p
		if p = space(b, end); b[p] != ':' {
			return d.fail(n, p, badSyntax)
		}
		p = space(b, p+1)
		if i < 0 || ks.list[i].field < 0 {
			if d.strict {
				return d.unknown(n, b, at2)
			}
			if p = d.skip(b, p); p < 0 {
				return p
			}
		} else {
			k := &ks.list[i]
			if k.stamp != stamp {
				k.stamp = stamp
				seen++
			}
			if p = d.value(n.fields[k.field], b, p, at); p < 0 {
				return p
			}
		}
		if i >= 0 {
			link = &ks.list[i].next
		}
		p = space(b, p)
		if b[p] == ',' {
			p = space(b, p+1)
			continue
		}
		if b[p] != '}' {
			return d.fail(n, p, badSyntax)
		}
		n.missing(at, stamp, seen)
		return p + 1
	}
}

// key finds the key at p, whose end is -1 if it is none.
func (d *decoder) key(n *node, b []byte, p int) (i int32, end int) {
	if b[p] != '"' {
		return 0, d.fail(n, p, badSyntax)
	}
	name, end := d.content(b, p)
	if end < 0 {
		return 0, end
	}
	return n.keys.find(name), end
}

func (d *decoder) unknown(n *node, b []byte, p int) int {
	s, _, _ := scanString(b, p+1)
	d.fail(n, p, unknownKey)
	d.wrong.key = string(s.raw)
	return -1
}

// list reads the array at p.
func (d *decoder) list(n *node, b []byte, p, at int) int {
	child := n.fields[0]
	from := n.begin(at)
	to := from
	if p = space(b, p+1); b[p] == ']' {
		n.end(at, to)
		return p + 1
	}
	for {
		if d.cells += child.width; d.cells > maxCells {
			return d.fail(n, p, tooWide)
		}
		if p = d.value(child, b, p, to); p < 0 {
			return p
		}
		to++
		if p = space(b, p); b[p] == ',' {
			p = space(b, p+1)
			continue
		}
		if b[p] != ']' {
			return d.fail(n, p, badSyntax)
		}
		n.end(at, to)
		return p + 1
	}
}

// mapping reads the object at p as a map.
func (d *decoder) mapping(n *node, b []byte, p, at int) int {
	names, values := n.fields[0], n.fields[1]
	base, start := len(d.hashes), p
	to := n.begin(at)
	if p = space(b, p+1); b[p] == '}' {
		n.end(at, to)
		return p + 1
	}
	for {
		if d.cells += n.width; d.cells > maxCells {
			return d.fail(n, p, tooWide)
		}
		if p = d.mapKey(names, b, p, to); p < 0 {
			return p
		}
		if p = space(b, p); b[p] != ':' {
			return d.fail(n, p, badSyntax)
		}
		if p = d.value(values, b, space(b, p+1), to); p < 0 {
			return p
		}
		to++
		if p = space(b, p); b[p] == ',' {
			p = space(b, p+1)
			continue
		}
		if b[p] != '}' {
			return d.fail(n, p, badSyntax)
		}
		if repeats(d.hashes[base:]) {
			return d.fail(n, start, twice)
		}
		d.hashes = d.hashes[:base]
		n.end(at, to)
		return p + 1
	}
}

// repeats reports whether a hash occurs twice. It may reorder them.
func repeats(hashes []uint64) bool {
	if len(hashes) > 16 {
		slices.Sort(hashes)
		for i := 1; i < len(hashes); i++ {
			if hashes[i] == hashes[i-1] {
				return true
			}
		}
		return false
	}
	for i, h := range hashes {
		if slices.Contains(hashes[:i], h) {
			return true
		}
	}
	return false
}

// mapKey reads the key at p, a string whatever the type of keys is.
func (d *decoder) mapKey(n *node, b []byte, p, at int) int {
	if b[p] != '"' {
		return d.fail(nil, p, badSyntax)
	}
	content, end := d.content(b, p)
	if end < 0 {
		return end
	}
	d.hashes = append(d.hashes, xxh3.Hash(content))
	switch n.kind {
	case kindText:
		n.setText(at, content)
	case kindTime, kindDate, kindSpan, kindBinary, kindDecimal:
		if !n.setSpelled(at, content) {
			return d.fail(n, p, inexact)
		}
	default:
		// A number or boolean: what the string holds is read as if it stood there.
		line := append(append(append(make([]byte, 0, 64), content...), '\n'), make([]byte, slack)...)
		line = line[:len(content)+1]
		if slices.Contains(content, '\n') || d.value(n, line, 0, at) != len(content) || view(content) == "null" {
			return d.fail(n, p, inexact)
		}
	}
	return end
}

// content reads the string at p, which has a quote there, and undoes its
// escapes. It is borrowed from the line or from d.scratch.
func (d *decoder) content(b []byte, p int) (content []byte, end int) {
	s, end, why := scanString(b, p+1)
	if why != 0 {
		return nil, d.fail(nil, end, why)
	}
	if !s.escaped {
		return s.raw, end
	}
	var ok bool
	if d.scratch, ok = unescape(d.scratch[:0], s.raw); !ok {
		return nil, d.fail(nil, p, badEscape)
	}
	return d.scratch, end
}

// skip checks the value at p, of whatever kind, and returns the place behind it.
func (d *decoder) skip(b []byte, p int) int {
	switch c := b[p]; {
	case c == '"':
		_, end := d.content(b, p)
		return end
	case c == '{' || c == '[':
		if d.depth == maxDepth-1 {
			return d.fail(nil, p, tooDeep)
		}
		d.depth++
		p = d.skipNested(b, p, c == '{')
		d.depth--
		return p
	case c-'0' < 10 || c == '-' && b[p+1] != 'I':
		_, end, ok := scanNumber(b, p)
		if !ok {
			return d.fail(nil, end, badSyntax)
		}
		return end
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if hasLiteral(b, p, word) {
			return p + len(word)
		}
	}
	if _, end := bareSpecial(b, p); end > p {
		return end
	}
	return d.fail(nil, p, badSyntax)
}

func (d *decoder) skipNested(b []byte, p int, object bool) int {
	last := byte(']')
	if object {
		last = '}'
	}
	if p = space(b, p+1); b[p] == last {
		return p + 1
	}
	for {
		if object {
			if b[p] != '"' {
				return d.fail(nil, p, badSyntax)
			}
			if _, p = d.content(b, p); p < 0 {
				return p
			}
			if p = space(b, p); b[p] != ':' {
				return d.fail(nil, p, badSyntax)
			}
			p = space(b, p+1)
		}
		if p = d.skip(b, p); p < 0 {
			return p
		}
		switch p = space(b, p); b[p] {
		case ',':
			p = space(b, p+1)
		case last:
			return p + 1
		default:
			return d.fail(nil, p, badSyntax)
		}
	}
}
