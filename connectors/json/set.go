package json

import (
	"encoding/base64"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

func (n *node) setInt(at int, v int64) {
	if n.drop {
		return
	}
	if at >= len(n.words.v) {
		n.words.room(n.mem, at+1)
	}
	n.words.v[at] = v
	n.mark(at)
}

func (n *node) setFloat(at int, f float64) { n.setInt(at, int64(math.Float64bits(f))) }

func (n *node) setBool(at int, v bool) {
	if n.drop {
		return
	}
	n.bits.room(n.mem, at>>3+1)
	if v {
		n.bits.v[at>>3] |= 1 << (at & 7)
	} else {
		n.bits.v[at>>3] &^= 1 << (at & 7)
	}
	n.mark(at)
}

func (n *node) setDate(at int, day int32) {
	if n.drop {
		return
	}
	n.days.room(n.mem, at+1)
	n.days.v[at] = day
	n.mark(at)
}

// setText keeps a copy of s.
func (n *node) setText(at int, s []byte) {
	if n.drop {
		return
	}
	if n.terms != nil {
		n.setDate(at, n.terms.code(s)) // codes are as wide as days
		return
	}
	from := n.begin(at)
	if from+len(s) > len(n.bytes.v) {
		n.bytes.room(n.mem, from+len(s))
	}
	copy(n.bytes.v[from:], s)
	n.end(at, from+len(s))
}

// setNumber sets a value from a number, if it is one of the column's type:
// decimals, and times of which the unit is known.
func (n *node) setNumber(at int, x *number) bool {
	if n.kind == kindDecimal {
		dt, ok := n.typ.(*arrow.Decimal128Type)
		if !ok {
			return false
		}
		v, ok := x.decimal(dt.Precision, dt.Scale)
		if ok && !n.drop {
			n.nums.room(n.mem, at+1)
			n.nums.v[at] = v
			n.mark(at)
		}
		return ok
	}
	us, ok := x.micros(n.unit)
	if !ok {
		return false
	}
	if n.kind != kindDate {
		n.setInt(at, us)
		return true
	}
	day := floorDiv(us, usDay)
	n.setDate(at, int32(day))
	return day == int64(int32(day))
}

// setSpelled sets a value from the content of a string.
func (n *node) setSpelled(at int, s []byte) bool {
	switch n.kind {
	case kindTime:
		us, ok := n.times.timestamp(s)
		if ok {
			n.setInt(at, us)
		}
		return ok
	case kindDate:
		day, ok := n.times.date(s)
		if ok {
			n.setDate(at, day)
		}
		return ok
	case kindSpan:
		us, ok := parseSpan(s)
		if ok {
			n.setInt(at, us)
		}
		return ok
	case kindBinary:
		return n.setBase64(at, s)
	case kindDecimal:
		var room [64]byte
		line := append(append(room[:0], s...), '\n')
		if s := line[0]; s != '-' && s-'0' >= 10 {
			return false
		}
		x, end, ok := scanNumber(line, 0)
		return ok && end == len(s) && n.setNumber(at, &x)
	default:
		return false
	}
}

func (n *node) setBase64(at int, s []byte) bool {
	enc := base64.StdEncoding.Strict()
	most := enc.DecodedLen(len(s))
	if n.drop {
		n.spare = slices.Grow(n.spare[:0], most)[:most]
		_, err := enc.Decode(n.spare, s)
		return err == nil
	}
	from := n.begin(at)
	n.bytes.room(n.mem, from+most)
	size, err := enc.Decode(n.bytes.v[from:from+most], s)
	if err != nil {
		return false
	}
	n.end(at, from+size)
	return true
}
