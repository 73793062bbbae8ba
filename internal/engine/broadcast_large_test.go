package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// A value that is too large for so many rows to have one each is the author's mistake, at
// its place; as a string it is held once, and all rows have it.
func TestBroadcastOfLargeValues(t *testing.T) {
	for _, typ := range []arrow.DataType{arrow.BinaryTypes.Binary, arrow.BinaryTypes.String} {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		store := memory.NewStore(mem)
		events := rdd.From("generate", rdd.Options{"events": "meter", "rows": int64(60_000), "partitions": int64(1), "span": 2 * time.Hour}).
			Tag(rdd.Tag{Otherwise: bcInformation, Time: "ts"}).Window(rdd.Tumbling("ts", 10*time.Minute))
		large := events.Reduce(rdd.Reduce{From: bcInformation, As: bcHourly, By: []string{rdd.WindowStart}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}}).
			Map(bcHourly, "large", fmt.Sprintf("CAST(repeat('x', 1000000) AS %s)", map[arrow.Type]string{arrow.BINARY: "binary", arrow.STRING: "string"}[typ.ID()]))
		seen := events.Broadcast(rdd.Broadcast{For: bcInformation, Of: "large", Columns: []fn.Column{{Name: "large", Type: typ}}}).
			Map(bcInformation, "long", "octet_length(large)").Named("seen")
		job := rdd.NewJob("large", []string{"error", "backup", "information", "hourly"},
			large.Write(rdd.Write{From: bcHourly, Connector: "broadcast", Options: rdd.Options{"name": "large"}}),
			seen.Write(rdd.Write{From: bcInformation, Connector: "memory", Options: rdd.Options{"name": "seen"}, Columns: []string{"long"}}))
		job.Settings = rdd.Settings{BatchRows: 10_000, InFlight: 1}
		_, err := engine.Run(t.Context(), job, engine.Config{Mem: mem, Kinds: kinds().With(store.Kind(), broadcast.Kind())})
		long := 0
		for _, r := range store.Rows("seen") {
			if r.Values["long"] == int64(1_000_000) {
				long++
			}
		}
		var at *rdd.Error
		switch typ.ID() {
		case arrow.STRING:
			if err != nil || long < 1000 {
				t.Errorf("%v, %d rows have the string", err, long)
			}
		default:
			if fault.Of(err) != fault.Invalid || !errors.As(err, &at) || !strings.Contains(at.Text, `"large"`) {
				t.Errorf("binary: %v", err)
			}
		}
		store.Release()
		mem.AssertSize(t, 0)
	}
}
