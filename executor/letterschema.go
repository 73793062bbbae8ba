package executor

import (
	"github.com/apache/arrow-go/v18/arrow"
)

// LetterLabel is the label of dead letters where a sink needs one.
const LetterLabel = "dead_letter"

// LetterSchema is the schema of dead letters as sinks get them: reason (string),
// operation (string, as the plan spells it), source (bigint, the Read in the
// order of the plan; -1 for a group), partition, offset and child (bigint: which
// event, as in its tag), name (string: of the split, a path; null for a group), error
// (string or null), time (timestamp, of the batch), original (string: the event
// as it came, or its columns as a JSON object where the source has no text; null
// if it is not UTF-8) and original_bytes (binary: then its bytes, else null).
func LetterSchema() *arrow.Schema {
	text, number := arrow.DataType(arrow.BinaryTypes.String), arrow.DataType(arrow.PrimitiveTypes.Int64)
	moment := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	field := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	return arrow.NewSchema([]arrow.Field{
		field("reason", text), field("operation", text), field("source", number), field("partition", number), field("offset", number),
		field("child", number), field("name", text), field("error", text), field("time", moment), field("original", text),
		field("original_bytes", arrow.BinaryTypes.Binary),
	}, nil)
}
