package agg

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd/fn"
)

// Spec names one aggregate: a function and the type of its argument.
//
//	count           rows if Arg is nil, else values that are not null; Int64
//	sum             of Int64: Int64, null if out of range; of Float64: Float64; of
//	                Duration: Duration, null if out of range; of Decimal128(p, s):
//	                Decimal128(min(38, p+10), s), null if it has more digits
//	avg             of Int64 or Float64: the sum, rounded to Float64 but never out of
//	                range for Int64, divided by the count of values; Float64. Of
//	                Duration: Duration; of Decimal128(p, s): Decimal128(min(38, p+4),
//	                min(38, s+4)), null if it has more digits; both rounded half
//	                away from zero
//	min, max        of any type but List, Struct and Map; that type
//	stddev          sample standard deviation of Int64 or Float64, null below two
//	                values, NaN once an infinity or NaN is among them; Float64
//	first, last     of any type, in the order of Order, nulls included; that type
//	count_distinct  of any type, values that are not null; Int64
//	approx_distinct about as many, with the standard error Error, relatively; Int64
//	approx_count    about how many values hash to Key, of any type: never too few, and
//	                with probability 0.99 too many by no more than Error of all; Int64
//	approx_top      the K values that most rows have, of any type, with about how
//	                many: a List of Struct {value, count}, by descending count, equal
//	                counts by the hash of the value. With probability 0.99 none of
//	                which at least the share Error of all values is missing
//	approx_moment2  of any type, about the sum of the squares of how often each value
//	                is there, with probability 0.99 within Error of it; Float64
//	sample          K values of any type, drawn without return by Order.Places; a List,
//	                in an order that is as random
//
//	Own             what it says; its states must keep what package fn asks of them
//
// All but the counts and approx_moment2 are null for a group without a value. The
// sketches are those of package sketch; they count exactly while there are few values.
type Spec struct {
	Func  string
	Arg   arrow.DataType
	K     int
	Error float64 // 0: what the function has where nothing is said
	Key   uint64  // as kernel.HashRows has it
	// Own is an aggregate of the program, called Func: Arg is a Struct of its arguments.
	Own *fn.Aggregate
}

// function is a Spec's Func.
type function uint8

const (
	count function = iota
	sum
	avg
	minimum
	maximum
	stddev
	first
	last
	distinct
	approxDistinct
	approxCount
	approxTop
	approxMoment
	sampled
	owned
)

func functionOf(name string) (f function, ok bool) {
	switch name {
	case "count":
		return count, true
	case "sum":
		return sum, true
	case "avg":
		return avg, true
	case "min":
		return minimum, true
	case "max":
		return maximum, true
	case "stddev":
		return stddev, true
	case "first":
		return first, true
	case "last":
		return last, true
	case "count_distinct":
		return distinct, true
	case "approx_distinct":
		return approxDistinct, true
	case "approx_count":
		return approxCount, true
	case "approx_top":
		return approxTop, true
	case "approx_moment2":
		return approxMoment, true
	case "sample":
		return sampled, true
	}
	return 0, false
}

// kind is how a column's values are held as 64-bit words.
type kind uint8

const (
	none  kind = iota
	bools      // 0 or 1
	ints       // Int64, Timestamp and Duration
	days       // Date32, sign extended
	floats
	text     // and what is spelled like text
	decimals // of sum and avg; elsewhere decimals are spelled
)

func kindOf(dt arrow.DataType) (k kind, ok bool) {
	if dt == nil {
		return none, true
	}
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		return bools, true
	case *arrow.Int64Type, *arrow.TimestampType, *arrow.DurationType:
		return ints, true
	case *arrow.Date32Type:
		return days, true
	case *arrow.Float64Type:
		return floats, true
	case *arrow.StringType:
		return text, true
	case *arrow.DictionaryType:
		return text, dt.IndexType.ID() == arrow.INT32 && dt.ValueType.ID() == arrow.STRING
	}
	return text, isSpelled(dt)
}

// parse checks the spec.
func (s Spec) parse() (function, kind, error) {
	if s.Own != nil {
		_, err := newBlobs(owned, s)
		return owned, none, err
	}
	f, ok := functionOf(s.Func)
	if !ok {
		return 0, 0, fault.New(fault.Invalid, "unknown aggregate %q", s.Func)
	}
	k, ok := kindOf(s.Arg)
	if !ok || (f == minimum || f == maximum) && s.Arg != nil && !ordered(s.Arg) {
		return 0, 0, fault.New(fault.Invalid, "%s does not take a %s", s.Func, s.Arg)
	}
	if s.Arg == nil {
		if f != count {
			return 0, 0, fault.New(fault.Invalid, "%s needs an argument", s.Func)
		}
		return f, k, nil
	}
	if f.isSketch() {
		_, err := newBlobs(f, s)
		return f, none, err
	}
	switch id := s.Arg.ID(); {
	case f == stddev && id != arrow.INT64 && id != arrow.FLOAT64:
		return 0, 0, fault.New(fault.Invalid, "%s takes an int64 or a float64, not a %s", s.Func, s.Arg)
	case f != sum && f != avg:
	case id == arrow.DECIMAL128:
		k = decimals
	case id != arrow.INT64 && id != arrow.FLOAT64 && id != arrow.DURATION:
		return 0, 0, fault.New(fault.Invalid, "%s takes an int64, a float64, a decimal or a duration, not a %s", s.Func, s.Arg)
	}
	return f, k, nil
}

// ResultType returns the type of the result; that of a String is plain,
// whichever spelling the argument has. An unknown function or an argument that
// it does not take is fault.Invalid.
func (s Spec) ResultType() (arrow.DataType, error) {
	f, _, err := s.parse()
	if err != nil {
		return nil, err
	}
	switch f {
	case count, distinct:
		return arrow.PrimitiveTypes.Int64, nil
	case sum, avg:
		return totalType(f, s.Arg), nil
	case stddev:
		return arrow.PrimitiveTypes.Float64, nil
	case approxDistinct, approxCount, approxTop, approxMoment, sampled, owned:
		b, err := newBlobs(f, s)
		return b.result, err
	default:
		return plain(s.Arg), nil
	}
}

// totalType is the type of a sum or an average.
func totalType(f function, dt arrow.DataType) arrow.DataType {
	d, isDecimal := dt.(*arrow.Decimal128Type)
	switch {
	case isDecimal && f == sum:
		return &arrow.Decimal128Type{Precision: min(38, d.Precision+10), Scale: d.Scale}
	case isDecimal:
		return &arrow.Decimal128Type{Precision: min(38, d.Precision+4), Scale: min(38, d.Scale+4)}
	case f == avg && dt.ID() != arrow.DURATION:
		return arrow.PrimitiveTypes.Float64
	}
	return dt
}

// StateTypes returns the columns of a partial state, nil if the spec is not
// valid:
//
//	count                   count
//	sum, avg of Int64       low and high 64 bits of the sum, count of values; of
//	                        Duration too
//	sum, avg of Decimal128  low, middle and high 64 bits of the sum, count of values
//	sum of Float64          sum, null if there is no value; its correction
//	avg of Float64          sum, its correction, count of values
//	min, max                value, null if there is none
//	stddev                  sum and two corrections, the same of squares, count
//	first, last             value, event time, partition, sequence, child; the
//	                        last three are null if there is no row
//	count_distinct          the distinct values, as a Binary: 8 bytes each, little
//	                        endian and ascending, or of a String, by ascending
//	                        bytes, 4 bytes of length and the bytes; of Decimal128,
//	                        Binary and nested types their spellings like Strings
func (s Spec) StateTypes() []arrow.DataType {
	f, k, err := s.parse()
	if err != nil {
		return nil
	}
	i64, f64 := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64
	switch f {
	case count:
		return []arrow.DataType{i64}
	case sum, avg:
		switch k {
		case ints:
			return []arrow.DataType{i64, i64, i64}
		case decimals:
			return []arrow.DataType{i64, i64, i64, i64}
		default:
		}
		if f == sum {
			return []arrow.DataType{f64, f64}
		}
		return []arrow.DataType{f64, f64, i64}
	case minimum, maximum:
		return []arrow.DataType{plain(s.Arg)}
	case stddev:
		return []arrow.DataType{f64, f64, f64, f64, f64, f64, i64}
	case first, last:
		return []arrow.DataType{plain(s.Arg), eventTime(), i64, i64, i64}
	case distinct, approxDistinct, approxCount, approxTop, approxMoment, sampled, owned:
		return []arrow.DataType{arrow.BinaryTypes.Binary}
	}
	return nil
}

// plain returns the type as it leaves a table.
func plain(dt arrow.DataType) arrow.DataType {
	if dt.ID() == arrow.DICTIONARY {
		return arrow.BinaryTypes.String
	}
	return dt
}

func eventTime() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}
