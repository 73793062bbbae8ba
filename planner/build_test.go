package planner_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// Labels of the jobs that tests build with the Go API.
const (
	Err rdd.LabelSet = 1 << iota
	Info
	Sums
)

func labels() []string { return []string{"error", "info", "sums"} }

func eventSchema() *arrow.Schema {
	f := func(name string, t arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: t, Nullable: true}
	}
	return arrow.NewSchema([]arrow.Field{
		f("ts", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}), f("kind", arrow.BinaryTypes.String),
		f("meter", arrow.BinaryTypes.String), f("code", arrow.PrimitiveTypes.Int64), f("wh", arrow.PrimitiveTypes.Float64),
		f("h", arrow.PrimitiveTypes.Int64)}, nil)
}

// read is a source of eventSchema.
func read() *rdd.Dataset {
	return rdd.Extend(rdd.Read{Connector: "memory", Options: rdd.Options{"name": "events"}, Schema: eventSchema()},
		rdd.Pos{File: "read.go", Line: 1}, nil)
}

func byKind() rdd.Tag { return rdd.Tag{Column: "kind"} }

// jobOf writes datasets to the console.
func jobOf(sets ...*rdd.Dataset) *rdd.Job {
	job := rdd.NewJob("j", labels())
	for _, d := range sets {
		job.Sinks = append(job.Sinks, d.Write(rdd.Write{Connector: "console"}))
	}
	return job
}

func compile(t testing.TB, job *rdd.Job, mode planner.Mode) *planner.Plan {
	t.Helper()
	p, err := planner.Compile(job, mode)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
