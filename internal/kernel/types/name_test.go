package types_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel/types"
)

// TestName proves that the names of types, of fields with any name as well, read back as
// the types.
func TestName(t *testing.T) {
	for want, dt := range map[string]arrow.DataType{
		"boolean": arrow.FixedWidthTypes.Boolean, "bigint": arrow.PrimitiveTypes.Int64, "double": arrow.PrimitiveTypes.Float64,
		"string": arrow.BinaryTypes.String, "binary": arrow.BinaryTypes.Binary, "date": arrow.FixedWidthTypes.Date32,
		"timestamp": types.Timestamp(), "interval": types.Duration(), "decimal(10,2)": &arrow.Decimal128Type{Precision: 10, Scale: 2},
		"array<map<string, bigint>>": arrow.ListOf(arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)),
		"struct<a_1: bigint, `1a`: date, `x ``y`: string, `ü`: bigint, struct: bigint>": arrow.StructOf(
			fieldOf("a_1", arrow.PrimitiveTypes.Int64), fieldOf("1a", arrow.FixedWidthTypes.Date32), fieldOf("x `y", arrow.BinaryTypes.String),
			fieldOf("ü", arrow.PrimitiveTypes.Int64), fieldOf("struct", arrow.PrimitiveTypes.Int64)),
	} {
		got := types.Name(dt)
		if got != want {
			t.Errorf("%s is called %s", want, got)
		}
		if back, err := expr.ParseType(got); err != nil || !arrow.TypeEqual(back, dt) {
			t.Errorf("%s reads back as %v, %v", got, back, err)
		}
	}
}

func fieldOf(name string, dt arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: dt, Nullable: true}
}
