package idag_test

import (
	"context"
	"fmt"
	"time"

	"github.com/idag/idag"
	"github.com/idag/idag/rdd"
)

// A job in Go: readings and errors of made-up meters, energy per feeder and day.
// The labels are bits in the order of the names given to NewJob.
func ExampleLocal() {
	const (
		E rdd.LabelSet = 1 << iota
		B
		I
		PerDay
	)
	events := rdd.From("generate", rdd.Options{"events": "meter", "rows": 10000}).
		Tag(rdd.Tag{Column: "kind", Identity: []string{"meter", "ts"}}).
		Map(B|I, "net", "wh - back").
		Window(rdd.Tumbling("ts", 24*time.Hour))
	days := events.Reduce(rdd.Reduce{From: B | I, As: PerDay, By: []string{"window_start"},
		Get: []rdd.Assign{{Column: "net", Expr: "sum(net)"}, {Column: "n", Expr: "count()"}}})
	job := rdd.NewJob("energy", []string{"error", "backup", "information", "per_day"},
		days.Write(rdd.Write{From: PerDay, Connector: "console", Options: rdd.Options{"format": "json"}}))

	sum, err := idag.Local(context.Background(), job, idag.Config{Kinds: idag.Kinds()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sum.RowsIn, "events", sum.RowsOut, "days, checksum", sum.Checksum)
	// Output: 10000 events 5 days, checksum ec494f8df9b20c5a59b37fed33a84f78
}
