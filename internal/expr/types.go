package expr

import (
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// kind is the logical type of a value, by the text that ParseType reads: equal
// kinds are equal types. Those without parameters are the constants; the others
// are decimal(p,s), array<t>, map<k, v> and struct<name: t, ...>.
type kind string

const (
	kNull     kind = "" // the type of a bare NULL, and "no type"
	kBool     kind = "boolean"
	kInt      kind = "bigint"
	kFloat    kind = "double"
	kString   kind = "string"
	kBinary   kind = "binary"
	kTime     kind = "timestamp" // int64 microseconds
	kDate     kind = "date"      // int32 days
	kInterval kind = "interval"  // int64 microseconds
)

// String is the SQL name of the type.
func (k kind) String() string {
	if k == kNull {
		return "null"
	}
	return string(k)
}

func (k kind) isDecimal() bool { return strings.HasPrefix(string(k), "decimal(") }
func (k kind) isList() bool    { return strings.HasPrefix(string(k), "array<") }
func (k kind) isMap() bool     { return strings.HasPrefix(string(k), "map<") }
func (k kind) isStruct() bool  { return strings.HasPrefix(string(k), "struct<") }
func (k kind) isNested() bool  { return k.isList() || k.isMap() || k.isStruct() }

// isText tells the types with offsets and bytes.
func (k kind) isText() bool { return k == kString || k == kBinary }

// decimalKind is the type of decimals of p digits, s of them behind the point.
func decimalKind(p, s int) kind {
	return kind("decimal(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")")
}

// digits is the precision and the scale of a decimal.
func (k kind) digits() (p, s int) {
	if dt, ok := k.arrow().(*arrow.Decimal128Type); ok {
		return int(dt.Precision), int(dt.Scale)
	}
	return 0, 0
}

// elements are the types inside of a nested type: of an array's elements, of a
// map's keys and values, of a struct's fields.
func (k kind) elements() []kind {
	if !k.isNested() {
		return nil
	}
	switch dt := k.arrow().(type) {
	case *arrow.MapType:
		return []kind{kindOf(dt.KeyType()), kindOf(dt.ItemType())}
	case *arrow.ListType:
		return []kind{kindOf(dt.Elem())}
	case *arrow.StructType:
		kinds := make([]kind, dt.NumFields())
		for i, f := range dt.Fields() {
			kinds[i] = kindOf(f.Type)
		}
		return kinds
	}
	return nil
}

// fieldNames are the names of the fields of a struct.
func fieldNames(k kind) []string {
	dt, ok := k.arrow().(*arrow.StructType)
	if !ok {
		return nil
	}
	names := make([]string, dt.NumFields())
	for i, f := range dt.Fields() {
		names[i] = f.Name
	}
	return names
}

func listOf(k kind) kind         { return "array<" + k + ">" }
func mapOf(key, value kind) kind { return "map<" + key + ", " + value + ">" }

func structOf(names []string, kinds []kind) kind {
	fields := make([]string, len(names))
	for i, name := range names {
		fields[i] = columnText(name) + ": " + string(kinds[i])
	}
	return kind("struct<" + strings.Join(fields, ", ") + ">")
}

// arrow is the physical type of results of the kind; strings may instead be
// dictionaries of it.
func (k kind) arrow() arrow.DataType {
	if dt := typeNamed(string(k)); dt != nil {
		return dt
	}
	if k == kNull {
		return arrow.Null
	}
	dt, err := ParseType(string(k))
	if err != nil {
		return arrow.Null
	}
	return dt
}

// kindOf is the kind of an Arrow type, kNull if expressions cannot read it.
func kindOf(dt arrow.DataType) kind {
	if dt == nil {
		return kNull
	}
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		return kBool
	case *arrow.Int64Type:
		return kInt
	case *arrow.Float64Type:
		return kFloat
	case *arrow.StringType:
		return kString
	case *arrow.BinaryType:
		return kBinary
	case *arrow.Date32Type:
		return kDate
	case *arrow.TimestampType:
		if dt.Unit == arrow.Microsecond {
			return kTime
		}
	case *arrow.DurationType:
		if dt.Unit == arrow.Microsecond {
			return kInterval
		}
	case *arrow.Decimal128Type:
		return decimalKind(int(dt.Precision), int(dt.Scale))
	case *arrow.DictionaryType:
		if dt.IndexType.ID() == arrow.INT32 && dt.ValueType.ID() == arrow.STRING {
			return kString
		}
	}
	return nestedKindOf(dt)
}

func nestedKindOf(dt arrow.DataType) kind {
	switch dt := dt.(type) {
	case *arrow.MapType: // before ListType, which it holds
		if k, v := kindOf(dt.KeyType()), kindOf(dt.ItemType()); k != kNull && v != kNull {
			return mapOf(k, v)
		}
	case *arrow.ListType:
		if k := kindOf(dt.Elem()); k != kNull {
			return listOf(k)
		}
	case *arrow.StructType:
		names, kinds := make([]string, dt.NumFields()), make([]kind, dt.NumFields())
		for i, f := range dt.Fields() {
			if names[i], kinds[i] = f.Name, kindOf(f.Type); kinds[i] == kNull {
				return kNull
			}
		}
		return structOf(names, kinds)
	}
	return kNull
}

// kindOfValue is the kind of a Literal's value.
func kindOfValue(v any) kind {
	switch v.(type) {
	case bool:
		return kBool
	case int64:
		return kInt
	case float64:
		return kFloat
	case string:
		return kString
	case arrow.Timestamp:
		return kTime
	case arrow.Date32:
		return kDate
	case Interval:
		return kInterval
	}
	return kNull
}

// width is the bytes of one value of a fixed-width kind.
func (k kind) width() int {
	switch k {
	case kInt, kFloat, kTime, kInterval:
		return 8
	case kDate, kString, kBinary:
		return 4
	case kBool, kNull:
		return 0
	}
	if k.isDecimal() {
		return 16
	}
	return 0
}

// wider is the type that values of both types can be converted to without a
// cast.
func wider(a, b kind) (kind, bool) {
	switch {
	case a == b || b == kNull:
		return a, true
	case a == kNull:
		return b, true
	case converts(a, b):
		return b, true
	case converts(b, a):
		return a, true
	case a.isDecimal() && b.isDecimal(), a.isDecimal() && b == kInt, a == kInt && b.isDecimal():
		return widerDecimal(a, b), true
	}
	return kNull, false
}

// converts tells whether every value of one type is a value of the other, or
// one near to it.
func converts(from, to kind) bool {
	switch {
	case from == kInt && to == kFloat, from == kDate && to == kTime, from.isDecimal() && to == kFloat:
		return true
	case from.isDecimal() && to.isDecimal(), from == kInt && to.isDecimal():
		p, s := from.decimalDigits()
		q, t := to.digits()
		return p-s <= q-t && s <= t
	}
	return false
}

// decimalDigits is digits, for integers too.
func (k kind) decimalDigits() (p, s int) {
	if k == kInt {
		return 19, 0
	}
	return k.digits()
}

// widerDecimal holds the values of both types, as far as 38 digits go.
func widerDecimal(a, b kind) kind {
	p, s := a.decimalDigits()
	q, t := b.decimalDigits()
	scale := max(s, t)
	return decimalKind(min(max(p-s, q-t)+scale, maxDigits), min(scale, maxDigits))
}
