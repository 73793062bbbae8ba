// Package rdd holds the nouns of the engine: labels, operations, datasets,
// jobs, frames, splits and blocks. It holds values only: nothing here starts a
// goroutine, reads a clock or touches a file.
//
// A [Dataset] is an immutable recipe: one [Operation] over its parents, which
// is Spark's RDD with its lineage. A [Job] names the datasets that end in
// sinks. The Go API builds them as a chain:
//
//	const (
//		E rdd.LabelSet = 1 << iota
//		B
//		I
//		PerMeter
//	)
//	ev := rdd.From("parquet", rdd.Options{"path": "data/meter"}).
//		Tag(rdd.Tag{Column: "kind", Identity: []string{"meter", "ts"}}).
//		Map(I, "mw", "mv * ma / 1000").
//		Window(rdd.Tumbling("ts", 24*time.Hour))
//	sums := ev.Reduce(rdd.Reduce{From: I, As: PerMeter, By: []string{"meter", "window_start"},
//		Get: []rdd.Assign{{Column: "mw", Expr: "sum(mw)"}}})
//	job := rdd.NewJob("meter", []string{"error", "backup", "information", "per_meter"},
//		sums.Write(rdd.Write{Kind: "console"}))
//
// A mistake is not reported where it is made but when the job is compiled, at
// the file and line of the call that made it.
//
// # What an operation means
//
// Row-wise operations take For, a set of labels; rows of other labels pass
// unchanged. Grouping operations take From (only these labels enter, the
// others go on past them) and As, the label of the result. An empty For or
// From means all labels. Every label has its own schema; one column name has
// one type across the labels of a job.
package rdd
