package bypass_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

// rows is the schema of the tables below.
func rows() *arrow.Schema {
	var fields []arrow.Field
	for name, t := range map[string]arrow.DataType{
		"i": arrow.PrimitiveTypes.Int64, "f": arrow.PrimitiveTypes.Float64, "s": arrow.BinaryTypes.String, "b": arrow.FixedWidthTypes.Boolean,
		"t": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, "d": arrow.FixedWidthTypes.Date32, "m": &arrow.Decimal128Type{Precision: 10, Scale: 2},
	} {
		fields = append(fields, arrow.Field{Name: name, Type: t, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// program compiles an expression over rows.
func program(t *testing.T, src string) *expr.Program {
	t.Helper()
	n, err := expr.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	p, err := expr.Check(n, rows())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
