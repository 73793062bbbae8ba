package planner

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/types"
)

// typeName is what the expression language calls a type, for messages: the
// author of a job never wrote Arrow's name for it.
func typeName(t arrow.DataType) string { return types.Name(t) }

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
