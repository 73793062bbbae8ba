package csv

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel/parse"
	"github.com/idag/idag/rdd"
)

// readTypes reads the options that declare types.
func (s *settings) readTypes(o rdd.Options) (err error) {
	if ddl := word(o, "schema"); ddl != "" {
		if s.schema, err = expr.ParseSchema(ddl); err != nil {
			return optionError("schema", "%v", err)
		}
		for _, f := range s.schema.Fields() {
			if !readable(f.Type) {
				return optionError("schema", "column %q: a field of a CSV file is no %s: read it as a string", f.Name, f.Type)
			}
		}
	}
	types, _ := o["types"].(map[string]string)
	s.types = make(map[string]arrow.DataType, len(types))
	for _, name := range slices.Sorted(maps.Keys(types)) {
		dt, err := expr.ParseType(types[name])
		switch {
		case err != nil:
			return optionError("types", "column %q: %v", name, err)
		case !readable(dt):
			return optionError("types", "column %q: a field of a CSV file is no %s: read it as a string", name, dt)
		case s.schema != nil && !s.schema.HasField(name):
			return optionError("types", "column %q is not in the option schema", name)
		}
		s.types[name] = dt
	}
	return nil
}

func readable(dt arrow.DataType) bool {
	switch dt.ID() {
	case arrow.BOOL, arrow.INT64, arrow.FLOAT64, arrow.STRING, arrow.TIMESTAMP, arrow.DATE32, arrow.DECIMAL128, arrow.DURATION, arrow.BINARY:
		return true
	}
	return false
}

func timestampType() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}

// column returns what collects values of a type. A dry one only checks them.
func (s *settings) column(mem memory.Allocator, dt arrow.DataType, dry bool) column {
	switch dt.ID() {
	case arrow.BOOL:
		return &booleans{mem: mem, dry: dry}
	case arrow.INT64:
		return &fixed[int64]{mem: mem, typ: dt, parse: s.parseInt(), view: arrow.Int64Traits.CastFromBytes, width: 8, dry: dry}
	case arrow.FLOAT64:
		return &fixed[float64]{mem: mem, typ: dt, parse: s.parseFloat(), view: arrow.Float64Traits.CastFromBytes, width: 8, dry: dry}
	case arrow.DATE32:
		return &fixed[int32]{mem: mem, typ: dt, parse: s.parseDate(), view: arrow.Int32Traits.CastFromBytes, width: 4, dry: dry}
	case arrow.TIMESTAMP:
		return &fixed[int64]{mem: mem, typ: dt, parse: s.parseTimestamp(), view: arrow.Int64Traits.CastFromBytes, width: 8, dry: dry}
	case arrow.DURATION:
		return &fixed[int64]{mem: mem, typ: dt, parse: parseSpan, view: arrow.Int64Traits.CastFromBytes, width: 8, dry: dry}
	case arrow.DECIMAL128:
		return s.decimals(mem, dt.(*arrow.Decimal128Type), dry)
	case arrow.BINARY:
		return &binaries{mem: mem, dry: dry}
	}
	return &texts{mem: mem, decode: s.encoding.decoder()}
}

// plain returns v as a number with a point and without groups, in buf.
func (s *settings) plain(buf *[]byte, v []byte) []byte {
	*buf = (*buf)[:0]
	for _, c := range v {
		switch {
		case c == s.decimal:
			c = '.'
		case int(c) == s.group:
			continue
		case c == '.':
			c = 'x' // is no number
		}
		*buf = append(*buf, c)
	}
	return *buf
}

func (s *settings) odd() bool { return s.decimal != '.' || s.group != none }

func (s *settings) parseInt() func([]byte) (int64, bool) {
	if !s.odd() {
		return parse.Int
	}
	var buf []byte
	return func(v []byte) (int64, bool) { return parse.Int(s.plain(&buf, v)) }
}

func (s *settings) parseFloat() func([]byte) (float64, bool) {
	if !s.odd() {
		return parse.Float
	}
	var buf []byte
	return func(v []byte) (float64, bool) { return parse.Float(s.plain(&buf, v)) }
}

const usDay = 24 * 60 * 60 * 1_000_000

func (s *settings) parseDate() func([]byte) (int32, bool) {
	if s.date == nil {
		return parse.Date
	}
	var last []byte
	var days int32
	return func(v []byte) (int32, bool) {
		if len(last) > 0 && bytes.Equal(v, last) {
			return days, true
		}
		us, _, ok := s.date.Parse(v)
		if ok {
			last, days = append(last[:0], v...), int32(floorDiv(us, usDay))
		}
		return int32(floorDiv(us, usDay)), ok
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (s *settings) parseTimestamp() func([]byte) (int64, bool) {
	read := parse.Timestamp
	if s.stamp != nil {
		read = s.stamp.Parse
	}
	local := localTimes{zone: s.zone}
	return func(v []byte) (int64, bool) {
		us, zoned, ok := read(v)
		if !zoned && ok && s.zone != time.UTC {
			us = local.utc(us)
		}
		return us, ok
	}
}

// localTimes turns local times of a zone into instants. It remembers the last
// stretch of time without a change of the clocks.
type localTimes struct {
	zone     *time.Location
	from, to int64 // local times, in microseconds, for which offset holds
	offset   int64
}

// utc returns the instant of a local time. One that the clocks pass twice is
// the first, as in Spark, and one that they leave out is moved by the gap.
func (l *localTimes) utc(us int64) int64 {
	if us >= l.from && us < l.to {
		return us - l.offset
	}
	day := int64(usDay)
	u := time.UnixMicro(us).UTC()
	t := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), l.zone)
	start, end := t.ZoneBounds()
	_, seconds := t.Zone()
	l.offset, l.from, l.to = int64(seconds)*1_000_000, -1<<62, 1<<62
	if !start.IsZero() { // a day away from changes there is one reading
		l.from = start.UnixMicro() + l.offset + day
	}
	if !end.IsZero() {
		l.to = end.UnixMicro() + l.offset - day
	}
	return t.UnixMicro()
}

// wants says what a value of a column should have been.
func (s *settings) wants(dt arrow.DataType) string {
	switch dt.ID() {
	case arrow.BOOL:
		return "true or false"
	case arrow.INT64:
		return "bigint"
	case arrow.FLOAT64:
		return "double"
	case arrow.DATE32:
		return "date as " + layoutText(s.date, "yyyy-MM-dd")
	case arrow.TIMESTAMP:
		return "timestamp as " + layoutText(s.stamp, "yyyy-MM-dd HH:mm:ss")
	case arrow.DURATION:
		return "interval as PT12.5S"
	case arrow.BINARY:
		return "base64"
	}
	return dt.String()
}

func layoutText(l *parse.Layout, iso string) string {
	if l == nil {
		return iso
	}
	return l.String()
}

// binaries is a column of bytes, written in base64.
type binaries struct {
	texts
	mem memory.Allocator
	dry bool
}

func (c *binaries) take(t *tokens, j int) {
	c.texts.mem, c.plain = c.mem, true
	rows := t.rows()
	c.valid.grow(c.mem, c.n, c.n+rows)
	ends := c.reserve(rows)
	for r := range rows {
		v, ok := t.typed(r, j)
		if start, end := t.span(r, j); !ok && end-start == 2 {
			v, ok = nil, true // quotes with nothing in them
		}
		if !ok {
			c.valid.null(c.n + r)
		} else {
			var err error
			if c.buf, err = base64.StdEncoding.AppendDecode(c.buf[:0], v); err != nil {
				t.fail(r, j)
			}
			c.put(c.buf)
		}
		ends[r] = int32(c.used)
	}
	c.n += rows
	if c.dry {
		c.cut(0)
	}
}

func (c *binaries) array() arrow.Array {
	c.texts.mem, c.plain = c.mem, true
	a := c.texts.array()
	defer a.Release()
	d := a.Data()
	return wrapAs(arrow.BinaryTypes.Binary, d)
}
