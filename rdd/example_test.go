package rdd_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/idag/idag/rdd"
)

// A job is a chain of datasets that ends in a sink. Labels are bits: label i of
// the job is the bit i of every set.
func ExampleFrom() {
	const (
		Error rdd.LabelSet = 1 << iota
		Info
		PerMeter
	)
	events := rdd.From("parquet", rdd.Options{"path": "data/meter"}).
		Tag(rdd.Tag{Column: "kind", Identity: []string{"meter", "ts"}}).
		Map(Info, "kw", "mv * ma / 1000").
		Window(rdd.Tumbling("ts", 24*time.Hour))
	perMeter := events.Reduce(rdd.Reduce{From: Info, As: PerMeter,
		By:  []string{"meter", "window_start"},
		Get: []rdd.Assign{{Column: "kw", Expr: "sum(kw)"}}})
	job := rdd.NewJob("meter", []string{"error", "info", "per_meter"},
		perMeter.Write(rdd.Write{Connector: "parquet", Options: rdd.Options{"path": "out/per_meter"}}))
	for _, d := range job.Datasets() {
		fmt.Println(d.Op().Kind())
	}
	// Output:
	// read
	// tag
	// map
	// window
	// reduce
	// write
}

// Rules label what has no label column; rows that none of them takes go to
// Otherwise, or become dead letters.
func ExampleDataset_Tag() {
	const (
		Alarm rdd.LabelSet = 1 << iota
		Reading
	)
	d := rdd.From("parquet", rdd.Options{"path": "data"}).Tag(rdd.Tag{
		Rules:     []rdd.Rule{{Label: Alarm, When: "code >= 500"}},
		Otherwise: Reading,
	})
	tag := d.Op().(rdd.Tag)
	fmt.Println(tag.Rules[0].When, "is", tag.Rules[0].Label.Names([]string{"alarm", "reading"}))
	// Output: code >= 500 is alarm
}

// A dataset may end in several sinks and be part of several others; it is
// computed once.
func ExampleJob_Datasets() {
	events := rdd.From("parquet", rdd.Options{"path": "data"}).Tag(rdd.Tag{Column: "kind"})
	high := events.Filter(0, "code >= 500").Named("high")
	low := events.Filter(0, "code < 100").Named("low")
	job := rdd.NewJob("codes", []string{"error"},
		high.Union(low).Write(rdd.Write{Connector: "console"}),
		high.Write(rdd.Write{Connector: "console"}))
	for i, d := range job.Datasets() {
		fmt.Println(strings.TrimSpace(fmt.Sprint(i, " ", d.Op().Kind(), " ", d.Name())))
	}
	// Output:
	// 0 read
	// 1 tag
	// 2 filter high
	// 3 filter low
	// 4 union
	// 5 write
	// 6 write
}

func ExampleLabelSet() {
	labels := []string{"error", "backup", "information"}
	s := rdd.LabelSet(1<<0 | 1<<2)
	fmt.Println(s.Names(labels), s.Len(), s.Has(1), s.Each())
	// Output: error|information 2 false [0 2]
}
