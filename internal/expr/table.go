package expr

import (
	"bytes"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel/scalar"
)

// timeField is a function of a timestamp that takes few values, and one value from
// one multiple of unit to the next, in microseconds.
type timeField struct {
	of        func(us int64) int64
	unit      int64
	low, high int64
}

// timeFieldOf returns what a function takes out of a timestamp, if that is a field
// of few values.
func timeFieldOf(name string) (f timeField, ok bool) {
	switch name {
	case "hour":
		return timeField{hourOf, usHour, 0, 23}, true
	case "minute":
		return timeField{minuteOf, usMinute, 0, 59}, true
	case "second":
		return timeField{secondOf, usSecond, 0, 59}, true
	case "dayofweek":
		return timeField{weekdayOf, usDay, 1, 7}, true
	case "day":
		return timeField{dayOf, usDay, 1, 31}, true
	case "month":
		return timeField{monthOf, usDay, 1, 12}, true
	case "quarter":
		return timeField{quarterOf, usDay, 1, 4}, true
	}
	return timeField{}, false
}

// examples returns a timestamp for each value of the field, in order: of 1970,
// which has one for all of them.
func (f timeField) examples() []int64 {
	out := make([]int64, f.high-f.low+1)
	for us := int64(364 * usDay); us >= 0; us -= usDay {
		if f.unit == usDay {
			out[f.of(us)-f.low] = us
		}
	}
	for i := range out {
		if f.unit < usDay {
			out[i] = int64(i) * f.unit
		}
	}
	return out
}

// eachUnit writes what f makes of timestamps. It is the same for all of one unit of
// time: events come more or less in the order of time, so most need no division.
func eachUnit[T int32 | int64](dst []T, us []int64, unit int64, f func(us int64) T) {
	start, end := int64(0), int64(0) // an empty unit: the first row leaves it
	var v T
	for i, t := range us {
		if t < start || t >= end {
			v = f(t)
			m := floorMod(t, unit)
			start, end = t-m, t-m+unit
			if t < math.MinInt64+m || t-m > math.MaxInt64-unit {
				start, end = 0, 0 // out of range
			}
		}
		dst[i] = v
	}
}

// tableOp is an expression of one field of one timestamp column and otherwise
// constants, such as CASE WHEN hour(ts) < 6 THEN 'night' ELSE 'day' END: its values
// are known for all values of the field, and for null, before there are rows.
type tableOp struct {
	op    // the expression itself
	from  *columnOp
	field timeField
	place []int32 // in the table by value of the field, from the lowest on; the last is for null
	table vec     // of plain memory, like a constant's
}

func (o *tableOp) eval(x *exec) (vec, error) {
	at, err := o.from.eval(x)
	if err != nil {
		return vec{}, err
	}
	defer at.release()
	codes := vec{kind: kString, n: at.n, vals: x.alloc(4 * at.n)}
	defer codes.release()
	dst, place, f := codes.codes(), o.place, o.field
	eachUnit(dst, at.ints(), f.unit, func(us int64) int32 { return place[f.of(us)-f.low] })
	if at.valid != nil {
		null, valid := place[len(place)-1], bitsOf(at.valid, at.n)
		for i := range dst {
			if !valid.Get(i) {
				dst[i] = null
			}
		}
	}
	return x.mapCodes(&codes, &o.table), nil
}

// tabulate makes a table of a compiled node that allows it.
func (c *compiler) tabulate(t typed) typed {
	call := loneField(t.node)
	if _, done := t.constant(); done || call == nil || t.kind.isNested() || t.kind.isDecimal() || t.kind == kBinary || t.kind == kNull {
		return t
	}
	from, err := c.column(call.Args[0].(*Column))
	col, ok := from.op.(*columnOp)
	if err != nil || !ok || from.kind != kTime {
		return t
	}
	o := &tableOp{op: t.op, from: col}
	o.field, _ = timeFieldOf(call.Name)
	if !o.fill(c) {
		return t
	}
	t.op = o
	return t
}

// loneField returns the field of a column that is all that a node knows of the rows,
// nil if there is none, or if the node is no more than that.
func loneField(n Node) *Call {
	var field *Call
	fields, columns, fit := 0, 0, true
	walk(n, func(m Node) {
		switch m := m.(type) {
		case *Column:
			columns++
		case *Call:
			switch _, known := timeFieldOf(m.Name); {
			case m.Name == "now" || m.Name == "unix_timestamp" || m.Name == "strict":
				fit = false
			case known && len(m.Args) == 1 && isColumn(m.Args[0]):
				fit = fit && m != n && (field == nil || m.String() == field.String())
				field = m
				fields++
			}
		case *Literal, *Cast, *Case:
		}
	})
	if !fit || fields == 0 || fields != columns {
		return nil
	}
	return field
}

func isColumn(n Node) bool {
	_, ok := n.(*Column)
	return ok
}

// fill evaluates the expression for every value of the field, and for null. It says
// whether it could.
func (o *tableOp) fill(c *compiler) bool {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	defer b.Release()
	for _, us := range o.field.examples() {
		b.Append(arrow.Timestamp(us))
	}
	b.AppendNull()
	at := b.NewArray()
	defer at.Release()
	x := &exec{mem: memory.DefaultAllocator, rows: at.Len(), shared: make([]vec, c.shared), cols: make([]arrow.Array, o.from.index+1)}
	x.cols[o.from.index] = at
	defer releaseAll(x.shared)
	v, err := o.op.eval(x)
	if err != nil {
		return false
	}
	defer func() { v.release() }()
	x.flatten(&v)
	if v.hard != nil {
		return false
	}
	o.place = make([]int32, v.n)
	for i := range o.place {
		o.place[i] = int32(i)
	}
	o.table = vec{kind: v.kind, n: v.n, vals: uncounted(v.vals), valid: uncounted(v.valid), fail: uncounted(v.fail)}
	if v.kind == kString && v.fail == nil {
		o.distinct(&v)
	}
	return v.kind != kString || v.fail == nil
}

// distinct makes a table that has each string once, and null once.
func (o *tableOp) distinct(v *vec) {
	seen := map[string]int32{}
	var ends []int32
	var text []byte
	var valid []bool
	t, known := v.texts(), bitsOf(v.valid, v.n)
	for i := range o.place {
		s, key := "", ""
		if known == nil || known.Get(i) {
			s = t.at(i)
			key = "=" + s
		}
		at, ok := seen[key]
		if !ok {
			at = int32(len(ends))
			seen[key] = at
			text = append(text, s...)
			ends, valid = append(ends, int32(len(text))), append(valid, key != "")
		}
		o.place[i] = at
	}
	x := exec{mem: memory.DefaultAllocator}
	n := len(ends)
	offs := x.alloc(4 * (n + 1))
	defer offs.Release()
	view[int32](offs, n+1)[0] = 0
	copy(view[int32](offs, n+1)[1:], ends)
	o.table = vec{kind: kString, n: n, offs: uncounted(offs), data: memory.NewBufferBytes(text)}
	if _, ok := seen[""]; ok {
		o.table.valid = memory.NewBufferBytes(make([]byte, 8*scalar.Words(n)))
		for i, ok := range valid {
			if ok {
				bitsOf(o.table.valid, n).Set(i)
			}
		}
	}
}

// uncounted copies a buffer to memory that is not counted.
func uncounted(b *memory.Buffer) *memory.Buffer {
	if b == nil {
		return nil
	}
	return memory.NewBufferBytes(bytes.Clone(b.Bytes()))
}
