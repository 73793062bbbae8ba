package twin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// TestBroadcast shows which row rows see, by the batches in flight: that of the latest
// window that batches before have written. What a window sees is decided when it leaves,
// not when its rows are read; and the sink is written as soon as somebody reads it.
func TestBroadcast(t *testing.T) {
	marked := func(watermark int, rows ...InRow) Batch {
		b := batch(rows...)
		b.Watermark = int64(watermark) * minute
		return b
	}
	last := rdd.Broadcast{For: labI | labR, Of: "last", Columns: []fn.Column{{Name: "total", Type: arrow.PrimitiveTypes.Int64}}}
	hours := events().Broadcast(last).Window(rdd.Window{For: labE, Time: "t", Size: time.Hour}).
		Reduce(rdd.Reduce{From: labE, As: labR, By: []string{rdd.WindowStart}, Get: []rdd.Assign{{Column: "n", Expr: "sum(i)"}}}).
		Broadcast(last).Map(labR, "total", "coalesce(total, 0) + n")
	job := rdd.NewJob("test", labels(),
		hours.Write(rdd.Write{From: labI | labR | labB, Columns: []string{"n", "i", "total"}}).Named("out"),
		hours.Write(rdd.Write{From: labR, Connector: "broadcast", Options: rdd.Options{"name": "last"}}).Named("told"))
	job.Schedule = []string{"out"}
	for flight, want := range map[int]string{
		1: "R{n=1, total=1} R{n=10, total=11} R{n=100, total=111} I{i=3, total=1} I{i=4, total=11} I{i=5, total=11} B{}",
		2: "R{n=1, total=1} R{n=10, total=10} R{n=100, total=110} I{i=3} I{i=4, total=1} I{i=5, total=10} B{}",
		3: "R{n=1, total=1} R{n=10, total=10} R{n=100, total=101} I{i=3} I{i=4} I{i=5, total=1} B{}",
	} {
		job.Settings.InFlight = flight
		got, err := Run(job, []Batch{
			batch(in(0, "E", 1, int64(1))), marked(60, in(1, "E", 61, int64(10))), marked(120, in(2, "E", 130, int64(100)), in(3, "I", 2, int64(3)), in(4, "B", 2, nil)),
			marked(120, in(5, "I", 2, int64(4))), final(in(6, "I", 0, int64(5))),
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, r := range got.Sinks[0] {
			rows = append(rows, fmt.Sprint(r))
		}
		slices.Sort(rows)
		lines := strings.SplitAfter(want, "}")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if slices.Sort(lines); !slices.Equal(rows, lines[1:]) || len(got.Sinks[1]) != 0 {
			t.Errorf("%d in flight: got\n%s\nwant\n%s", flight, strings.Join(rows, "\n"), strings.Join(lines, "\n"))
		}
	}
}
