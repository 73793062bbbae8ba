// Package twin is the engine's twin for tests: an interpreter of jobs that is
// too simple to be wrong, and a generator of random jobs with their inputs.
//
// The interpreter, [Run], takes one row at a time, keeps rows as maps and
// groups as lists of all their rows, evaluates expressions by walking their
// syntax trees, and sums in exact rational numbers. It shares the parser of
// internal/expr with the engine and nothing that computes. Its rules are those
// of package rdd; where those leave a choice, the choice is written at the
// function that makes it.
//
// The generator, [Draw], draws a [Case]: a job over sources of the connector
// "memory", the rows of the sources, and a ledger, that is how the rows are cut
// into micro-batches and which watermarks hold. A test runs the case in the
// engine and in the twin and compares:
//
//	c := twin.Draw(t, hash)
//	want, err := twin.Run(c.Job, c.Batches(), hash)
//	got := … // the rows that the engine's sinks hold
//	if err := twin.Compare(got, want); err != nil {
//		t.Fatalf("%v\n%v", err, c)
//	}
//
// An engine that cuts for itself hands the splits it logged to [Case.Batch]
// instead and sets the marks it logged.
//
// # Values
//
// A value is nil (null), bool, int64, float64, string, arrow.Timestamp
// (microseconds since the epoch, UTC), arrow.Date32 (days since the epoch),
// arrow.Duration (microseconds), json.Number (a decimal), []byte, []any (a list),
// map[string]any (a struct) or [][2]any (the entries of a map).
// Results never depend on the order of rows; they print canonically, NaN and
// zero each in one form, and compare as multisets.
//
// Only [Input.Records] makes Arrow memory; its caller owns it.
package twin
