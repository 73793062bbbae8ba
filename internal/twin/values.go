package twin

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// compare orders two values of one type, or two that coerce to one. NaN is the
// largest number and equal to itself, -0 is 0, strings go by their bytes.
func compare(a, b any) int {
	switch x := a.(type) {
	case bool:
		return cmp.Compare(b2i(x), b2i(b.(bool)))
	case string:
		return cmp.Compare(x, b.(string))
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case arrow.Timestamp, arrow.Date32:
		s, _ := cast(a, arrow.TIMESTAMP)
		t, _ := cast(b, arrow.TIMESTAMP)
		return cmp.Compare(s.(arrow.Timestamp), t.(arrow.Timestamp))
	}
	if sign, ok := compareRich(a, b); ok {
		return sign
	}
	x, y := number(a), number(b)
	if math.IsNaN(x) || math.IsNaN(y) {
		return b2i(math.IsNaN(x)) - b2i(math.IsNaN(y))
	}
	return cmp.Compare(x, y)
}

// compareNull is compare with null before everything and equal to itself.
func compareNull(a, b any) int {
	if a == nil || b == nil {
		return b2i(a != nil) - b2i(b != nil)
	}
	return compare(a, b)
}

// number is a number, or NaN for what is none.
func number(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cast converts v; ok is false for a value that the type does not have.
func cast(v any, to arrow.Type) (out any, ok bool) {
	switch x := v.(type) {
	case nil:
		return nil, true
	case bool:
		if to == arrow.INT64 {
			return int64(b2i(x)), true
		}
	case int64:
		switch to {
		case arrow.FLOAT64:
			return float64(x), true
		case arrow.BOOL:
			return x != 0, true
		case arrow.STRING:
			return strconv.FormatInt(x, 10), true
		}
	case float64:
		if to == arrow.INT64 { // towards zero; 2^63 is the first that is too large
			return int64(x), x >= math.MinInt64 && x < 1<<63
		}
	case string:
		return parse(x, to)
	case json.Number: // a decimal prints all its digits
		switch to {
		case arrow.STRING:
			return string(x), true
		case arrow.FLOAT64:
			f, err := x.Float64()
			return f, err == nil
		}
	case arrow.Timestamp:
		if to == arrow.DATE32 {
			us := int64(x)
			return arrow.Date32((us - ((us%86400e6)+86400e6)%86400e6) / 86400e6), true
		}
	case arrow.Date32:
		if to == arrow.TIMESTAMP {
			return arrow.Timestamp(int64(x) * 86400e6), true
		}
	}
	return v, typeOfValue(v) == to
}

func parse(x string, to arrow.Type) (any, bool) {
	switch to {
	case arrow.INT64:
		i, err := strconv.ParseInt(x, 10, 64)
		return i, err == nil
	case arrow.FLOAT64:
		f, err := strconv.ParseFloat(x, 64)
		return f, err == nil
	}
	return x, to == arrow.STRING
}

// text prints a value so that two print alike only if they are equal: with one
// NaN and one zero, floats always with a point, an exponent or a word.
func text(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case float64:
		if x == 0 {
			return "0.0"
		}
		s := strconv.FormatFloat(x, 'g', -1, 64)
		if !strings.ContainsAny(s, ".eNI") {
			s += ".0"
		}
		return s
	case string:
		return strconv.Quote(x)
	case arrow.Timestamp:
		return time.UnixMicro(int64(x)).UTC().Format("2006-01-02T15:04:05.999999Z")
	case arrow.Date32:
		return time.Unix(int64(x)*86400, 0).UTC().Format("2006-01-02")
	}
	return textRich(v)
}

// typeID is the logical type of an Arrow type: a dictionary is its values'.
func typeID(dt arrow.DataType) arrow.Type {
	if d, ok := dt.(*arrow.DictionaryType); ok {
		return d.ValueType.ID()
	}
	return dt.ID()
}

func typeOfValue(v any) arrow.Type {
	switch v.(type) {
	case bool:
		return arrow.BOOL
	case int64:
		return arrow.INT64
	case float64:
		return arrow.FLOAT64
	case string:
		return arrow.STRING
	case arrow.Timestamp:
		return arrow.TIMESTAMP
	case arrow.Date32:
		return arrow.DATE32
	}
	return typeOfRich(v)
}
