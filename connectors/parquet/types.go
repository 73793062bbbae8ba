package parquet

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// Ids of the members of Parquet's LogicalType union.
const (
	logicalString    = 1
	logicalEnum      = 4
	logicalDecimal   = 5
	logicalDate      = 6
	logicalTime      = 7
	logicalTimestamp = 8
	logicalInt       = 10
	logicalJSON      = 12
	logicalBSON      = 13
	logicalUUID      = 14
	logicalFloat16   = 15
)

// rule says how physical values become the engine's.
type rule uint8

const (
	unsupported rule = iota
	same64           // int64, double, timestamp in microseconds
	same32           // date
	signed32         // int8, int16, int32
	unsigned32       // uint8, uint16, uint32
	unsigned64       // checked
	float32s
	millis32 // times of day
	millis
	nanos
	int96s
	bools
	texts
)

// leaf is a column of a file: a top-level field of the schema.
type leaf struct {
	name     string
	index    int // among the chunks of a row group
	optional bool
	rule     rule
	typ      arrow.DataType // the engine's; nil if unsupported
	why      string         // it is unsupported
	form     form           // what is made of the values read
	length   int            // of values that are all as long, in bytes, or 0
	tree     *node          // of a nested column; index is its first leaf then
}

// physicalWidth is the width in bytes of the physical values behind r.
func (r rule) physicalWidth() int {
	switch r {
	case same64, unsigned64, millis, nanos:
		return 8
	case same32, signed32, unsigned32, float32s, millis32:
		return 4
	case int96s:
		return 12
	case unsupported, bools, texts:
	}
	return 0
}

// leaves lists the columns of a file.
func (f *footer) leaves(binaryAsString bool) ([]leaf, error) {
	var out []leaf
	index, at := 0, 1
	for range f.schema[0].children {
		if at >= len(f.schema) {
			return nil, errSchema
		}
		e := &f.schema[at]
		first := index
		next, err := f.pass(at, &index, 0)
		if err != nil {
			return nil, err
		}
		l := leaf{name: e.name, index: first, optional: e.repeat == format.Optional}
		switch {
		case !e.leaf || e.repeat == format.Repeated:
			if l.tree, l.why = f.tree(at, first, binaryAsString); l.why == "" {
				l.rule, l.typ = same64, l.tree.typ // no rule is for all of it
			}
		default:
			l.ofElement(e, binaryAsString)
			f.interval(&l)
		}
		out = append(out, l)
		at = next
	}
	if at != len(f.schema) {
		return nil, errSchema
	}
	return out, nil
}

// interval makes a duration of an integer that our writer says is one.
func (f *footer) interval(l *leaf) {
	if l.rule == same64 && l.typ.ID() == arrow.INT64 && slices.Contains(f.intervals, strconv.Itoa(l.index)) {
		l.typ = types.Duration()
	}
}

var errSchema = fmt.Errorf("the schema is not a tree")

// pass returns the index of the element after the subtree at at, and counts its leaves.
func (f *footer) pass(at int, leaves *int, depth int) (int, error) {
	if at >= len(f.schema) || depth > maxDepth {
		return 0, errSchema
	}
	e := &f.schema[at]
	at++
	if e.leaf {
		*leaves++
		return at, nil
	}
	var err error
	for range e.children {
		if at, err = f.pass(at, leaves, depth+1); err != nil {
			return 0, err
		}
	}
	return at, nil
}

func timestampType() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}

// ofElement chooses how a leaf is read, or says why it cannot be.
func (l *leaf) ofElement(e *element, binaryAsString bool) {
	if e.physical == format.FixedLenByteArray {
		l.length = e.length
	}
	kind := e.annotation()
	if kind == logicalDecimal {
		if l.typ, l.why = e.decimalType(); l.why != "" {
			return
		}
		switch e.physical {
		case format.Int32:
			l.rule, l.form = signed32, asDecimal
		case format.Int64:
			l.rule, l.form = same64, asDecimal
		case format.ByteArray:
			l.rule, l.form = texts, asDecimal
		case format.FixedLenByteArray:
			if l.rule, l.form = texts, asDecimal; e.length > 0 {
				return
			}
			fallthrough
		default:
			l.rule, l.typ, l.why = unsupported, nil, fmt.Sprintf("a decimal cannot be a %s", e.physical)
		}
		return
	}
	binary := e.physical == format.ByteArray && (kind == 0 && !binaryAsString || kind == logicalBSON) ||
		e.physical == format.FixedLenByteArray && e.length > 0 && (kind == 0 || kind == logicalUUID) && deprecated.ConvertedType(e.converted) != deprecated.Interval
	if binary {
		l.rule, l.form, l.typ = texts, asBinary, arrow.BinaryTypes.Binary
		return
	}
	l.rule, l.typ, l.why = ruleOf(e, binaryAsString)
}

// ruleOf chooses the engine's type for a leaf that is neither decimal nor
// binary, or says why there is none.
func ruleOf(e *element, binaryAsString bool) (rule, arrow.DataType, string) {
	i64, f64, text := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String
	kind := e.annotation()
	switch e.physical {
	case format.Boolean:
		return bools, arrow.FixedWidthTypes.Boolean, ""
	case format.Int32:
		switch {
		case kind == logicalDate:
			return same32, arrow.FixedWidthTypes.Date32, ""
		case kind == logicalTime:
			return millis32, types.Duration(), ""
		case e.unsigned():
			return unsigned32, i64, ""
		}
		return signed32, i64, ""
	case format.Int64:
		return e.int64Rule(kind)
	case format.Int96:
		return int96s, timestampType(), ""
	case format.Float:
		return float32s, f64, ""
	case format.Double:
		return same64, f64, ""
	case format.ByteArray:
		switch kind {
		case logicalString, logicalEnum, logicalJSON:
			return texts, text, ""
		case 0:
			if binaryAsString {
				return texts, text, ""
			}
		}
	case format.FixedLenByteArray:
	}
	return unsupported, nil, fmt.Sprintf("its type %s is not supported", e.typeName())
}

func (e *element) int64Rule(kind int16) (rule, arrow.DataType, string) {
	switch {
	case kind == logicalTimestamp:
		switch e.timeUnit() {
		case 1:
			return millis, timestampType(), ""
		case 3:
			return nanos, timestampType(), ""
		}
		return same64, timestampType(), ""
	case kind == logicalTime && e.timeUnit() == 3:
		return nanos, types.Duration(), ""
	case kind == logicalTime:
		return same64, types.Duration(), ""
	case e.unsigned():
		return unsigned64, arrow.PrimitiveTypes.Int64, ""
	}
	return same64, arrow.PrimitiveTypes.Int64, ""
}

// annotation is the logical type's id, whether written in the new way or the old.
func (e *element) annotation() int16 {
	if e.logical.id != 0 {
		return e.logical.id
	}
	switch deprecated.ConvertedType(e.converted) {
	case deprecated.UTF8:
		return logicalString
	case deprecated.Enum:
		return logicalEnum
	case deprecated.Decimal:
		return logicalDecimal
	case deprecated.Date:
		return logicalDate
	case deprecated.TimeMillis, deprecated.TimeMicros:
		return logicalTime
	case deprecated.TimestampMillis, deprecated.TimestampMicros:
		return logicalTimestamp
	case deprecated.Json:
		return logicalJSON
	case deprecated.Bson:
		return logicalBSON
	}
	return groupAnnotation(deprecated.ConvertedType(e.converted))
}

func (e *element) unsigned() bool {
	if e.logical.id == logicalInt {
		return !e.logical.signed
	}
	c := deprecated.ConvertedType(e.converted)
	return e.logical.id == 0 && c >= deprecated.Uint8 && c <= deprecated.Uint64
}

func (e *element) timeUnit() int16 {
	if e.logical.id != 0 {
		return e.logical.unit
	}
	if deprecated.ConvertedType(e.converted) == deprecated.TimestampMillis {
		return 1
	}
	return 2
}

func (e *element) decimalScale() int {
	if e.logical.id != 0 {
		return e.logical.scale
	}
	return e.scale
}

func (e *element) typeName() string {
	name := e.physical.String()
	switch e.annotation() {
	case logicalBSON:
		return name + " BSON"
	case logicalUUID:
		return name + " UUID"
	case logicalFloat16:
		return name + " FLOAT16"
	}
	return name
}
