package planner

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// typeName is what the expression language calls a type, for messages: the
// author of a job never wrote Arrow's name for it.
func typeName(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return "boolean"
	case *arrow.Int64Type:
		return "bigint"
	case *arrow.Float64Type:
		return "double"
	case *arrow.StringType:
		return "string"
	case *arrow.TimestampType:
		return "timestamp"
	case *arrow.Date32Type:
		return "date"
	case *arrow.DictionaryType:
		return typeName(t.ValueType)
	}
	return t.String()
}

// spell spells a duration as job files do: in the largest unit that divides it.
func spell(d time.Duration) string {
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		switch n := d / u.size; {
		case d%u.size != 0 || n == 0:
		case n == 1:
			return "1 " + u.name
		default:
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return d.String()
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
