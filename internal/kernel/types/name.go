package types

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Name returns the name of one of the engine's types as SQL writes it: bigint,
// decimal(10,2), array<string>, struct<a: double>. Others have that of Arrow. What it
// returns reads back as the type, so names that are no words are in backticks.
func Name(dt arrow.DataType) string {
	switch dt := dt.(type) {
	case *arrow.DictionaryType:
		return Name(dt.ValueType)
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal(%d,%d)", dt.Precision, dt.Scale)
	case *arrow.ListType:
		return "array<" + Name(dt.Elem()) + ">"
	case *arrow.MapType:
		return "map<" + Name(dt.KeyType()) + ", " + Name(dt.ItemType()) + ">"
	case *arrow.StructType:
		fields := make([]string, dt.NumFields())
		for i, f := range dt.Fields() {
			fields[i] = fieldName(f.Name) + ": " + Name(f.Type)
		}
		return "struct<" + strings.Join(fields, ", ") + ">"
	}
	switch dt.ID() {
	case arrow.BOOL:
		return "boolean"
	case arrow.INT64:
		return "bigint"
	case arrow.FLOAT64:
		return "double"
	case arrow.STRING:
		return "string"
	case arrow.TIMESTAMP:
		return "timestamp"
	case arrow.DATE32:
		return "date"
	case arrow.DURATION:
		return "interval"
	}
	return dt.String() // binary, and what is not ours
}

func fieldName(s string) string {
	word := func(i int, r rune) bool {
		return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9'
	}
	for i, r := range s {
		if !word(i, r) {
			return "`" + strings.ReplaceAll(s, "`", "``") + "`"
		}
	}
	if s == "" {
		return "``"
	}
	return s
}
