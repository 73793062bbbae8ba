package expr

import "github.com/apache/arrow-go/v18/arrow"

// kind is the logical type of a value.
type kind uint8

const (
	kNull kind = iota // the type of a bare NULL, and "no type"
	kBool
	kInt
	kFloat
	kString
	kTime // timestamp, int64 microseconds
	kDate // int32 days
	kInterval
)

// String is the SQL name of the type.
func (k kind) String() string {
	switch k {
	case kBool:
		return "boolean"
	case kInt:
		return "bigint"
	case kFloat:
		return "double"
	case kString:
		return "string"
	case kTime:
		return "timestamp"
	case kDate:
		return "date"
	case kInterval:
		return "interval"
	case kNull:
	}
	return "null"
}

// arrow is the physical type of results of the kind; strings may instead be
// dictionaries of it.
func (k kind) arrow() arrow.DataType {
	switch k {
	case kBool:
		return arrow.FixedWidthTypes.Boolean
	case kInt:
		return arrow.PrimitiveTypes.Int64
	case kFloat:
		return arrow.PrimitiveTypes.Float64
	case kString:
		return arrow.BinaryTypes.String
	case kTime:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case kDate:
		return arrow.FixedWidthTypes.Date32
	case kNull, kInterval:
	}
	return arrow.Null
}

// kindOf is the kind of an Arrow type, kNull if expressions cannot read it.
func kindOf(dt arrow.DataType) kind {
	if dt == nil {
		return kNull
	}
	switch dt.ID() { //nolint:exhaustive // All others are unreadable.
	case arrow.BOOL:
		return kBool
	case arrow.INT64:
		return kInt
	case arrow.FLOAT64:
		return kFloat
	case arrow.STRING:
		return kString
	case arrow.DATE32:
		return kDate
	case arrow.TIMESTAMP:
		if t, ok := dt.(*arrow.TimestampType); ok && t.Unit == arrow.Microsecond {
			return kTime
		}
	case arrow.DICTIONARY:
		d, ok := dt.(*arrow.DictionaryType)
		if ok && d.IndexType.ID() == arrow.INT32 && d.ValueType.ID() == arrow.STRING {
			return kString
		}
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
	case kDate, kString:
		return 4
	case kBool, kNull:
	}
	return 0
}
