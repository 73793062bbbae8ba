package twin

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// DrawHot draws a case of one join, of any kind, of two labels most of whose rows may
// have one key: many small batches, and so little memory that rows go to disk with most of
// them.
func DrawHot(t *rapid.T) *Case {
	in := Input{Name: "in0", chunk: small(t, 1, 20, "rows of a record"), kinds: []string{"E", "B"}, nulls: map[string]int{}}
	in.Schema = arrow.NewSchema([]arrow.Field{{Name: "kind", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "i0", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "i1", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "t0", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true}}, nil)
	hot := [2]int{even(t, 10, "hot on the left"), even(t, 10, "hot on the right")}
	in.Partitions = make([][]map[string]any, small(t, 1, 2, "partitions"))
	for p := range in.Partitions {
		for range small(t, 0, 150, "rows") {
			in.Partitions[p] = append(in.Partitions[p], hotRow(t, hot))
		}
	}
	read := rdd.Read{Connector: "memory", Options: rdd.Options{"name": in.Name, "split_rows": small(t, 5, 20, "rows of a split")}, Schema: in.Schema}
	ev := rdd.Extend(read, rdd.Pos{}, nil).Tag(rdd.Tag{Column: "kind", Identity: []string{"i0"}, Time: "t0"})
	op := rdd.Join{From: 1, With: 2, As: 4, Prefix: renamed, How: one(t, "kind", rdd.JoinKind("").All()...)}
	key := one(t, "key", "i0", rdd.ColHash)
	op.On = []rdd.JoinKey{{Left: key, Right: key}}
	if coin(t, 1, "windows") {
		ev = ev.Window(rdd.Tumbling("t0", time.Hour))
		op.On = append(op.On, rdd.JoinKey{Left: rdd.WindowStart, Right: rdd.WindowStart})
	}
	if coin(t, 1, "where") {
		op.Where = "i1 < r_i1"
	}
	if coin(t, 1, "within") {
		op.Within = rdd.JoinTime{Left: "t0", Right: "t0", Before: time.Minute, After: time.Hour}
	}
	write := rdd.Write{From: 4, Connector: "memory", Options: rdd.Options{"name": "out0"}}
	c := &Case{Job: rdd.NewJob("hot", []string{"E", "B", "R"}, rdd.Extend(write, rdd.Pos{}, nil, ev.Join(op))), Inputs: []Input{in}}
	c.Job.Settings = rdd.Settings{BatchRows: int64(small(t, 5, 40, "batch rows")), InFlight: small(t, 1, 3, "in flight"), KeyGroups: small(t, 1, 3, "key groups"),
		Lateness: one(t, "lateness", 0, 10*time.Hour), FrameRows: one(t, "frame rows", 3, 64), Memory: one[int64](t, "memory", 1, 500, 4000)}
	return c
}

// hotRow is a row of which so many in ten of either side have the same key.
func hotRow(t *rapid.T, hot [2]int) map[string]any {
	side := b2i(rapid.Bool().Draw(t, "side"))
	r := map[string]any{"kind": []string{"E", "B"}[side], "i0": int64(7), "i1": int64(small(t, 0, 9, "i1")),
		"t0": arrow.Timestamp(base + int64(small(t, 0, 180, "minute"))*60_000_000)}
	if small(t, 0, 9, "hot") >= hot[side] {
		if r["i0"] = int64(small(t, 0, 30, "key")); coin(t, 3, "null") {
			r["i0"] = nil
		}
	}
	return r
}
