// Package types says which Arrow types are the engine's, and widens others to
// them: the connectors use it where columns come in, so that everything behind
// them has few types to know.
//
// # The engine's types
//
//	boolean    Boolean
//	integer    Int64
//	float      Float64
//	string     String, plain or a dictionary of [kernel.StringDict]
//	instant    Timestamp, microseconds, UTC
//	date       Date32
//	decimal    Decimal128 of precision 1 to 38 and scale 0 to the precision
//	duration   Duration, microseconds
//	binary     Binary
//	list       List of any of these
//	struct     Struct of at least one of these, with names that differ
//	map        Map of any of these to any of these
//
// Inside of lists, structs and maps strings are plain, everything but the key
// of a map may be null, the fields have no metadata, and the keys of a map
// are not said to be sorted: so there is one spelling of a type. Types are
// nested [MaxDepth] deep at the most.
//
// # Memory
//
// Arrays that are returned are the caller's to release; arguments are borrowed.
package types

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/fault"
)

// MaxDepth is how deep types may be nested: a list of structs has a depth of 2.
const MaxDepth = 32

// Timestamp returns the type of instants.
func Timestamp() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}

// Duration returns the type of durations.
func Duration() arrow.DataType { return arrow.FixedWidthTypes.Duration_us }

// Supported reports whether dt is one of the engine's.
func Supported(dt arrow.DataType) bool {
	if IsString(dt) {
		return true
	}
	wide, err := Widen(dt)
	return err == nil && arrow.TypeEqual(wide, dt, arrow.CheckMetadata())
}

// IsString reports whether dt is one of the spellings of String.
func IsString(dt arrow.DataType) bool {
	switch dt := dt.(type) {
	case *arrow.StringType:
		return true
	case *arrow.DictionaryType: // as kernel.StringDict, which would be made anew for each frame
		return dt.IndexType.ID() == arrow.INT32 && dt.ValueType.ID() == arrow.STRING && !dt.Ordered
	}
	return false
}

// Same reports whether a and b, both of the engine, are one type however its
// strings are spelled.
func Same(a, b arrow.DataType) bool {
	if IsString(a) {
		return IsString(b)
	}
	return arrow.TypeEqual(a, b)
}

// Nested reports whether dt is a List, a Struct or a Map. Such values are equal
// or not, they can be grouped by, but they have no order.
func Nested(dt arrow.DataType) bool {
	id := dt.ID()
	return id == arrow.LIST || id == arrow.STRUCT || id == arrow.MAP
}

// Widen returns the engine's type for values of dt, or a fault.Invalid that says
// why there is none. A dictionary of strings is widened to a plain String here:
// a column may spell it either way.
//
// Integers become Int64, floats of 16 and 32 bits Float64, all strings String,
// all binary Binary, instants of any unit and zone Timestamp (zones are a matter
// of printing; an instant without a zone is taken as UTC), Date64 Date32, narrow
// decimals Decimal128, durations of any unit and times of day, counted from
// midnight, Duration, lists of any kind List, a dictionary the type of its
// values, and an extension its storage.
func Widen(dt arrow.DataType) (arrow.DataType, error) { return widen(dt, 0) }

func widen(dt arrow.DataType, depth int) (arrow.DataType, error) {
	if depth > MaxDepth {
		return nil, fault.New(fault.Invalid, "types are nested more than %d deep", MaxDepth)
	}
	switch dt := dt.(type) {
	case arrow.ExtensionType:
		return widen(dt.StorageType(), depth+1)
	case *arrow.DictionaryType:
		return widen(dt.ValueType, depth+1)
	case *arrow.MapType:
		key, err := widen(dt.KeyType(), depth+1)
		if err != nil {
			return nil, err
		}
		item, err := widen(dt.ItemType(), depth+1)
		if err != nil {
			return nil, err
		}
		return arrow.MapOf(key, item), nil
	case *arrow.StructType:
		return widenStruct(dt, depth)
	case arrow.ListLikeType:
		item, err := widen(dt.Elem(), depth+1)
		if err != nil {
			return nil, err
		}
		return arrow.ListOf(item), nil
	}
	return widenFlat(dt)
}

func widenStruct(dt *arrow.StructType, depth int) (arrow.DataType, error) {
	if dt.NumFields() == 0 {
		return nil, fault.New(fault.Invalid, "a struct without fields is not supported")
	}
	fields := make([]arrow.Field, dt.NumFields())
	seen := map[string]bool{}
	for i := range fields {
		f := dt.Field(i)
		if seen[f.Name] {
			return nil, fault.New(fault.Invalid, "a struct has two fields %q", f.Name)
		}
		seen[f.Name] = true
		wide, err := widen(f.Type, depth+1)
		if err != nil {
			return nil, err
		}
		fields[i] = arrow.Field{Name: f.Name, Type: wide, Nullable: true}
	}
	return arrow.StructOf(fields...), nil
}

func widenFlat(dt arrow.DataType) (arrow.DataType, error) {
	switch dt.ID() {
	case arrow.BOOL:
		return arrow.FixedWidthTypes.Boolean, nil
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return arrow.PrimitiveTypes.Int64, nil
	case arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64:
		return arrow.PrimitiveTypes.Float64, nil
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return arrow.BinaryTypes.String, nil
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return arrow.BinaryTypes.Binary, nil
	case arrow.TIMESTAMP:
		return Timestamp(), nil
	case arrow.DATE32, arrow.DATE64:
		return arrow.FixedWidthTypes.Date32, nil
	case arrow.DURATION, arrow.TIME32, arrow.TIME64:
		return Duration(), nil
	case arrow.DECIMAL32, arrow.DECIMAL64, arrow.DECIMAL128, arrow.DECIMAL256:
		d, _ := dt.(arrow.DecimalType)
		p, s := d.GetPrecision(), d.GetScale()
		if p < 1 || p > 38 || s < 0 || s > p {
			return nil, fault.New(fault.Invalid, "%s is not supported: decimals have up to 38 digits, of which none to all are behind the point", dt)
		}
		return &arrow.Decimal128Type{Precision: p, Scale: s}, nil
	}
	return nil, fault.New(fault.Invalid, "the type %s is not supported", dt)
}
