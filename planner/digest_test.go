package planner_test

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// variant is a job and one like it that differs in a single parameter.
type variant struct {
	name string
	a, b *rdd.Job
}

// each makes a variant of one operation with two values behind a tag.
func each(name string, a, b rdd.Operation) variant {
	job := func(op rdd.Operation) *rdd.Job {
		if w, ok := op.(rdd.Write); ok {
			return rdd.NewJob("j", labels(), rdd.Extend(w, rdd.Pos{}, nil, read().Tag(byKind())))
		}
		if tag, ok := op.(rdd.Tag); ok {
			return jobOf(rdd.Extend(tag, rdd.Pos{}, nil, read()))
		}
		if r, ok := op.(rdd.Read); ok {
			if r.Schema == nil {
				r.Schema = eventSchema()
			}
			return jobOf(rdd.Extend(r, rdd.Pos{}, nil).Tag(byKind()))
		}
		return jobOf(rdd.Extend(op, rdd.Pos{}, nil, read().Tag(byKind()).Window(rdd.Tumbling("ts", time.Hour))))
	}
	return variant{name, job(a), job(b)}
}

func set(pairs ...string) []rdd.Assign {
	var out []rdd.Assign
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, rdd.Assign{Column: pairs[i], Expr: pairs[i+1]})
	}
	return out
}

func variants() []variant {
	ev := read().Tag(byKind())
	reduce := rdd.Reduce{From: Info, As: Sums, By: []string{"meter"}, Get: set("n", "count()")}
	with := func(change func(*rdd.Reduce)) rdd.Reduce { r := reduce; change(&r); return r }
	rules := func(change func(*rdd.Tag)) rdd.Tag {
		t := rdd.Tag{Rules: []rdd.Rule{{Label: Err, When: "code > 3"}}, Identity: []string{"meter"}}
		change(&t)
		return t
	}
	plain := rules(func(*rdd.Tag) {})
	narrow := arrow.NewSchema(eventSchema().Fields()[:5], nil)
	return []variant{
		each("read: connector", rdd.Read{Connector: "memory"}, rdd.Read{Connector: "parquet"}),
		each("read: option", rdd.Read{Connector: "memory", Options: rdd.Options{"name": "a"}}, rdd.Read{Connector: "memory", Options: rdd.Options{"name": "b"}}),
		each("read: schema", rdd.Read{Connector: "memory"}, rdd.Read{Connector: "memory", Schema: narrow}),
		each("tag: column", byKind(), rdd.Tag{Column: "meter"}),
		each("tag: values", rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"E": Err, "I": Info}}, rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"E": Info, "I": Err}}),
		each("tag: value", rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"E": Err}}, rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"e": Err}}),
		each("tag: rule", plain, rules(func(t *rdd.Tag) { t.Rules = []rdd.Rule{{Label: Err, When: "code > 4"}} })),
		each("tag: label of a rule", plain, rules(func(t *rdd.Tag) { t.Rules = []rdd.Rule{{Label: Info, When: "code > 3"}} })),
		each("tag: order of rules", rdd.Tag{Rules: []rdd.Rule{{Label: Err, When: "code > 3"}, {Label: Info, When: "code > 1"}}},
			rdd.Tag{Rules: []rdd.Rule{{Label: Info, When: "code > 1"}, {Label: Err, When: "code > 3"}}}),
		each("tag: exclusive", plain, rules(func(t *rdd.Tag) { t.Exclusive = true })),
		each("tag: otherwise", plain, rules(func(t *rdd.Tag) { t.Otherwise = Err })),
		each("tag: identity", plain, rules(func(t *rdd.Tag) { t.Identity = []string{"meter", "ts"} })),
		each("tag: time", plain, rules(func(t *rdd.Tag) { t.Time = "ts" })),
		each("tag: hash", plain, rules(func(t *rdd.Tag) { t.HashColumn = "h" })),
		each("tag: sequence", plain, rules(func(t *rdd.Tag) { t.SeqColumn = "h" })),
		each("map: for", rdd.Map{For: Err, Set: set("a", "1")}, rdd.Map{For: Info, Set: set("a", "1")}),
		each("map: column", rdd.Map{Set: set("a", "1")}, rdd.Map{Set: set("b", "1")}),
		each("map: expression", rdd.Map{Set: set("a", "code + 1")}, rdd.Map{Set: set("a", "code + 2")}),
		each("map: literal's type", rdd.Map{Set: set("a", "1")}, rdd.Map{Set: set("a", "1.0")}),
		each("map: case of a string", rdd.Map{Set: set("a", "'x'")}, rdd.Map{Set: set("a", "'X'")}),
		each("map: drop", rdd.Map{Drop: []string{"wh"}}, rdd.Map{Drop: []string{"code"}}),
		each("map: drop more", rdd.Map{Drop: []string{"wh"}}, rdd.Map{Drop: []string{"wh", "code"}}),
		each("filter: for", rdd.Filter{For: Err, Where: "code > 1"}, rdd.Filter{Where: "code > 1"}),
		each("filter: where", rdd.Filter{Where: "code > 1"}, rdd.Filter{Where: "code >= 1"}),
		each("flatmap: for", rdd.FlatMap{For: Err, Rows: [][]rdd.Assign{set("a", "1")}}, rdd.FlatMap{For: Info, Rows: [][]rdd.Assign{set("a", "1")}}),
		each("flatmap: rows", rdd.FlatMap{Rows: [][]rdd.Assign{set("a", "1")}}, rdd.FlatMap{Rows: [][]rdd.Assign{set("a", "1"), set("a", "1")}}),
		each("flatmap: order of rows", rdd.FlatMap{Rows: [][]rdd.Assign{set("a", "1"), set("a", "2")}}, rdd.FlatMap{Rows: [][]rdd.Assign{set("a", "2"), set("a", "1")}}),
		each("window: for", rdd.Window{For: Err, Time: "ts", Size: time.Hour}, rdd.Window{For: Info, Time: "ts", Size: time.Hour}),
		each("window: time", rdd.Window{Time: "ts", Size: time.Hour}, rdd.Window{Time: "window_end", Size: time.Hour}),
		each("distinct: by", rdd.Distinct{By: []string{"meter"}}, rdd.Distinct{}),
		each("sort: by", rdd.Sort{By: []string{"wh"}}, rdd.Sort{By: []string{"wh desc"}}),
		each("sort: nulls", rdd.Sort{By: []string{"wh"}}, rdd.Sort{By: []string{"wh nulls last"}}),
		each("limit: n", rdd.Limit{N: 1}, rdd.Limit{N: 2}),
		each("sample: seed", rdd.Sample{N: 1}, rdd.Sample{N: 1, Seed: 1}),
		each("sample: fraction", rdd.Sample{Fraction: 0.5}, rdd.Sample{Fraction: 0.25}),
		each("flatmap: explode", rdd.FlatMap{Explode: "array(wh)"}, rdd.FlatMap{Explode: "array(wh, wh)"}),
		each("flatmap: outer", rdd.FlatMap{Explode: "array(wh)"}, rdd.FlatMap{Explode: "array(wh)", Outer: true}),
		each("flatmap: as", rdd.FlatMap{Explode: "array(wh)"}, rdd.FlatMap{Explode: "array(wh)", As: []string{"x"}}),
		each("window: slide", rdd.Tumbling("ts", time.Hour).Every(time.Minute), rdd.Tumbling("ts", time.Hour).Every(time.Second)),
		each("window: size", rdd.Window{Time: "ts", Size: time.Hour}, rdd.Window{Time: "ts", Size: time.Minute}),
		each("shuffle: from", rdd.Shuffle{From: Err, Keys: []string{"meter"}}, rdd.Shuffle{From: Info, Keys: []string{"meter"}}),
		each("shuffle: keys", rdd.Shuffle{Keys: []string{"meter"}}, rdd.Shuffle{Keys: []string{"meter", "code"}}),
		each("shuffle: order of keys", rdd.Shuffle{Keys: []string{"meter", "code"}}, rdd.Shuffle{Keys: []string{"code", "meter"}}),
		each("reduce: from", reduce, with(func(r *rdd.Reduce) { r.From = Err })),
		each("reduce: by", reduce, with(func(r *rdd.Reduce) { r.By = []string{"code"} })),
		each("reduce: window", reduce, with(func(r *rdd.Reduce) { r.By = []string{"meter", "window_start"} })),
		each("reduce: function", with(func(r *rdd.Reduce) { r.Get = set("n", "min(wh)") }), with(func(r *rdd.Reduce) { r.Get = set("n", "max(wh)") })),
		each("reduce: argument", with(func(r *rdd.Reduce) { r.Get = set("n", "sum(wh)") }), with(func(r *rdd.Reduce) { r.Get = set("n", "sum(wh + 1)") })),
		each("reduce: column", reduce, with(func(r *rdd.Reduce) { r.Get = set("m", "count()") })),
		each("write: from", rdd.Write{From: Err, Connector: "console"}, rdd.Write{From: Info, Connector: "console"}),
		each("write: connector", rdd.Write{Connector: "console"}, rdd.Write{Connector: "parquet"}),
		each("write: option", rdd.Write{Connector: "console"}, rdd.Write{Connector: "console", Options: rdd.Options{"rows": 5}}),
		each("write: columns", rdd.Write{Connector: "console", Columns: []string{"wh"}}, rdd.Write{Connector: "console", Columns: []string{"code"}}),
		each("write: order of columns", rdd.Write{Connector: "console", Columns: []string{"wh", "code"}}, rdd.Write{Connector: "console", Columns: []string{"code", "wh"}}),
		{"union: order", jobOf(ev.Filter(0, "code > 1").Union(ev.Filter(0, "code > 2"))), jobOf(ev.Filter(0, "code > 2").Union(ev.Filter(0, "code > 1")))},
		{"union: twice", jobOf(ev.Union(ev)), jobOf(ev.Union(ev, ev))},
		{"a step more", jobOf(ev), jobOf(ev.Filter(0, "code > 1"))},
		{"a sink more", jobOf(ev), jobOf(ev, ev)},
		{"lateness", jobOf(ev), jobOf(ev).With(rdd.Settings{Lateness: time.Minute})},
		{"key groups", jobOf(ev), jobOf(ev).With(rdd.Settings{KeyGroups: 4})},
		{"a label more", jobOf(ev), &rdd.Job{Name: "j", Labels: append(labels(), "x"), Sinks: jobOf(ev).Sinks}},
	}
}

// Whatever decides the rows of a job is in its digest: no parameter can be
// changed without anyone noticing.
func TestDigestHoldsEveryParameter(t *testing.T) {
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			a, b := compile(t, v.a, planner.IDAG), compile(t, v.b, planner.IDAG)
			if a.JobDigest() == b.JobDigest() {
				t.Errorf("both jobs have the digest %s", a.JobDigest())
			}
			if again := compile(t, v.a, planner.IDAG); again.Digest != a.Digest {
				t.Errorf("compiled again the digest is %s, not %s", again.Digest, a.Digest)
			}
		})
	}
}

// Lists of names do not run into one another, whatever is in the names.
func TestDigestOfOddNames(t *testing.T) {
	fields := []arrow.Field{{Name: "kind", Type: arrow.BinaryTypes.String}}
	for _, n := range []string{"a", "b", "a,b", "a b", `a","b`} {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Int64})
	}
	schema := arrow.NewSchema(fields, nil)
	seen := map[string]string{}
	for _, columns := range [][]string{{"a", "b"}, {"a,b"}, {"a b"}, {`a","b`}} {
		d := rdd.Extend(rdd.Read{Connector: "memory", Schema: schema}, rdd.Pos{}, nil).Tag(byKind())
		for what, job := range map[string]*rdd.Job{
			"drop":    jobOf(d.Drop(0, columns...)),
			"shuffle": jobOf(d.Shuffle(rdd.Shuffle{Keys: columns})),
			"reduce":  jobOf(d.Reduce(rdd.Reduce{From: Info, As: Sums, By: columns})),
		} {
			digest := compile(t, job, planner.IDAG).JobDigest()
			if was, ok := seen[digest]; ok {
				t.Errorf("%s of %q has the digest of %s", what, columns, was)
			}
			seen[digest] = what
		}
	}
}

// What does not decide the rows is not in the digest: names, positions,
// spelling, and settings that only cut the work.
func TestDigestHoldsNothingElse(t *testing.T) {
	ev := read().Tag(byKind())
	want := compile(t, jobOf(ev.Filter(Err|Info|Sums, "code > 1 AND wh < 5")), planner.IDAG).JobDigest()
	named := jobOf(ev.Named("events").Filter(0, "((code>1) and (wh<5))").Named("kept"))
	named.Name = "another"
	for name, job := range map[string]*rdd.Job{
		"names and spelling": named,
		"frames":             jobOf(ev.Filter(0, "code > 1 AND wh < 5")).With(rdd.Settings{FrameRows: 7, BatchRows: 9, InFlight: 1, BatchBytes: 3}),
		"positions":          jobOf(rdd.Extend(rdd.Filter{Where: "code > 1 AND wh < 5"}, rdd.Pos{File: "x", Line: 9}, nil, ev)),
	} {
		if got := compile(t, job, planner.IDAG).JobDigest(); got != want {
			t.Errorf("%s: another digest", name)
		}
	}
}

// Plans of one job have one job digest, and each a digest of its own.
func TestDigestOfModes(t *testing.T) {
	job, seen := jobOf(read().Tag(byKind()).Map(Err, "a", "code + 1")), map[string]planner.Mode{}
	want := compile(t, job, planner.IDAG).JobDigest()
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		p := compile(t, job, mode)
		if was, ok := seen[p.Digest]; ok || p.JobDigest() != want {
			t.Errorf("the %s plan has the digest of the %s plan, or another job digest", mode, was)
		}
		seen[p.Digest] = mode
		if p.Mode.Linear() != (mode != planner.IDAG) {
			t.Errorf("%s is linear: %t", mode, p.Mode.Linear())
		}
	}
}
