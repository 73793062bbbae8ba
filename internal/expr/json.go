package expr

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// jsonReader appends one JSON value to a builder: a null, and false, if the
// value is not of the type.
type jsonReader func(raw string, b array.Builder, st *jsonState) bool

// jsonState is scratch of one batch.
type jsonState struct {
	text   []byte
	fields []string // values of the fields of the structs that are being read
}

// fromJSON is from_json: text to a value of the kind. Text that is not JSON
// fails, and so does a value of another kind; inside of it, what is not of its
// type is null and noted.
func fromJSON(k kind) impl {
	read, dt := readerOf(k), k.arrow()
	return func(c *call) error {
		b := array.NewBuilder(c.x.mem, dt)
		defer b.Release()
		b.Reserve(c.n)
		a, st := c.a[0].texts(), &jsonState{}
		for i := range c.n {
			if c.skip(i) {
				b.AppendNull()
				continue
			}
			raw, ok := jsonValid(a.at(i))
			if !ok {
				b.AppendNull()
				c.failAt(i)
				continue
			}
			if !read(raw, b, st) {
				c.note(i)
			}
		}
		out := b.NewArray()
		defer out.Release()
		c.give(c.x.load(out, k))
		return nil
	}
}

// readerOf is the reader of a type, which appends null for JSON's null.
func readerOf(k kind) jsonReader {
	read := valueReader(k)
	return func(raw string, b array.Builder, st *jsonState) bool {
		if raw == "null" {
			b.AppendNull()
			return true
		}
		return read(raw, b, st)
	}
}

func valueReader(k kind) jsonReader {
	switch {
	case k.isStruct():
		return structReader(k)
	case k.isMap():
		return mapReader(k)
	case k.isList():
		return listReader(k)
	case k.isDecimal():
		return decimalReader(k)
	}
	switch k {
	case kBool:
		return leaf((*array.BooleanBuilder).Append, func(raw string, _ *jsonState) (bool, bool) {
			return raw == "true", raw == "true" || raw == "false"
		})
	case kInt:
		return leaf((*array.Int64Builder).Append, func(raw string, _ *jsonState) (int64, bool) {
			v, err := strconv.ParseInt(raw, 10, 64)
			return v, err == nil
		})
	case kFloat:
		return leaf((*array.Float64Builder).Append, jsonFloat)
	case kString:
		return leaf((*array.StringBuilder).Append, func(raw string, st *jsonState) (string, bool) { return st.string(raw), true })
	case kTime:
		return leaf((*array.TimestampBuilder).Append, func(raw string, st *jsonState) (arrow.Timestamp, bool) {
			if raw[0] == '"' {
				us, ok := parseTimestamp(st.string(raw))
				return arrow.Timestamp(us), ok
			}
			v, err := strconv.ParseInt(raw, 10, 64)
			return arrow.Timestamp(v * usSecond), err == nil && v <= math.MaxInt64/usSecond && v >= math.MinInt64/usSecond
		})
	case kDate:
		return leaf((*array.Date32Builder).Append, func(raw string, st *jsonState) (arrow.Date32, bool) {
			d, ok := castToDate(st.string(raw))
			return arrow.Date32(d), ok
		})
	case kInterval:
		return leaf((*array.DurationBuilder).Append, func(raw string, st *jsonState) (arrow.Duration, bool) {
			us, ok := castToInterval(st.string(raw))
			return arrow.Duration(us), ok
		})
	case kBinary, kNull:
	}
	return leaf((*array.BinaryBuilder).Append, func(raw string, st *jsonState) ([]byte, bool) {
		v, err := base64.StdEncoding.DecodeString(st.string(raw))
		return v, err == nil && raw[0] == '"'
	})
}

// leaf is the reader of a type without parts.
func leaf[B array.Builder, T any](add func(B, T), parse func(raw string, st *jsonState) (T, bool)) jsonReader {
	return func(raw string, b array.Builder, st *jsonState) bool {
		own, isOwn := b.(B)
		v, ok := parse(raw, st)
		if !ok || !isOwn {
			b.AppendNull()
			return false
		}
		add(own, v)
		return true
	}
}

// string is the text of a string, borrowed until the next one, and what else
// stands there as it is.
func (st *jsonState) string(raw string) string {
	if raw[0] != '"' {
		return raw
	}
	st.text = jsonUnquote(st.text[:0], raw)
	return bytesText(st.text)
}

// jsonFloat reads numbers, and the strings that stand for those that JSON does
// not have.
func jsonFloat(raw string, st *jsonState) (float64, bool) {
	if raw[0] == '"' {
		switch st.string(raw) {
		case "NaN":
			return math.NaN(), true
		case "Infinity", "+Infinity", "INF", "+INF":
			return math.Inf(1), true
		case "-Infinity", "-INF":
			return math.Inf(-1), true
		}
		return 0, false
	}
	v, err := strconv.ParseFloat(raw, 64)
	return v, err == nil
}

func decimalReader(k kind) jsonReader {
	p, scale := k.digits()
	limit := decimal128.GetMaxValue(int32(p))
	return leaf((*array.Decimal128Builder).Append, func(raw string, st *jsonState) (decimal128.Num, bool) {
		return parseDecimal(st.string(raw), scale, limit)
	})
}

func structReader(k kind) jsonReader {
	names, reads := fieldNames(k), []jsonReader(nil)
	for _, e := range k.elements() {
		reads = append(reads, readerOf(e))
	}
	return func(raw string, b array.Builder, st *jsonState) bool {
		own, ok := b.(*array.StructBuilder)
		if !ok || raw[0] != '{' {
			b.AppendNull()
			return false
		}
		base := len(st.fields)
		for range names {
			st.fields = append(st.fields, "null")
		}
		next := 0 // fields mostly come in their order
		for it := jsonOver(raw); it.next(); {
			for try := range names {
				i := next + try
				if i >= len(names) {
					i -= len(names)
				}
				if jsonSame(it.key, names[i], &st.text) {
					st.fields[base+i], next = it.value, i+1
					break
				}
			}
		}
		own.Append(true)
		ok = true
		for i, read := range reads {
			ok = read(st.fields[base+i], own.FieldBuilder(i), st) && ok
		}
		st.fields = st.fields[:base]
		return ok
	}
}

func listReader(k kind) jsonReader {
	read := readerOf(k.elements()[0])
	return func(raw string, b array.Builder, st *jsonState) bool {
		own, ok := b.(*array.ListBuilder)
		if !ok || raw[0] != '[' {
			b.AppendNull()
			return false
		}
		own.Append(true)
		ok = true
		for it := jsonOver(raw); it.next(); {
			ok = read(it.value, own.ValueBuilder(), st) && ok
		}
		return ok
	}
}

// mapReader reads objects as maps of strings.
func mapReader(k kind) jsonReader {
	value := readerOf(k.elements()[1])
	return func(raw string, b array.Builder, st *jsonState) bool {
		own, ok := b.(*array.MapBuilder)
		if !ok || raw[0] != '{' {
			b.AppendNull()
			return false
		}
		keys, isText := own.KeyBuilder().(*array.StringBuilder)
		own.Append(true)
		ok = isText
		for it := jsonOver(raw); it.next() && isText; {
			keys.Append(st.string(it.key))
			ok = value(it.value, own.ItemBuilder(), st) && ok
		}
		return ok
	}
}

// jsonKeys tells whether all maps in the type have strings for keys.
func jsonKeys(k kind) bool {
	for i, e := range k.elements() {
		if k.isMap() && i == 0 && e != kString || !jsonKeys(e) {
			return false
		}
	}
	return true
}
