package jobfile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// whole uses every step and every key of the language.
const whole = `
job: meter
doc: everything at once
labels: [error, backup, information]
vars: {path: data/meter, window: 1 day, least: "2"}
settings: {batch_rows: 1000000, batch_bytes: 64MB, in_flight: 2, lateness: 10 minutes, key_groups: 4, frame_rows: 4096}
datasets:
  per_meter:
    - from: events
    - reduce: {from: [backup, information], by: [meter, window_start], get: {wh: sum(net), n: count()}}
    - write: {parquet: out/per_meter}
    - filter: {for: per_meter, where: n > 1}
    - write: {console: {limit: 5}, from: all, columns: [meter, wh]}
  events:
    - read: {parquet: {path: ["${path}", more], union_by_name: true, fraction: 0.5, types: {a b: date, c: "decimal(3,1)", d: 1}, poll: 1h30m}}
    - tag:
        rules:
          - {label: error, when: code > 0}
          - {label: backup, when: "kind IN ('b', 'B')"}
        exclusive: true
        otherwise: information
        identity: [meter, ts]
        time: ts
        hash: h
        seq: s
    - map: {for: [backup, information], set: {net: wh - back, one: 1, yes: true}, drop: [x, y]}
    - filter: {for: error, where: "severity > ${least}"}
    - flatmap: {for: information, rows: [{phase: "'a'", volt: va}, {phase: "'b'", volt: vb}]}
    - window: {time: ts, tumbling: "${window}", for: [backup, information]}
    - broadcast: {for: [error, backup], of: last, columns: {version: int, last: "map<string, struct<x_y: decimal(3,1)>>"}}
  other:
    - read: {parquet: b}
    - tag: {column: kind, values: {E: error, I: information}}
    - filter: a > 1
  both:
    - union: [other, events]
    - shuffle: {by: meter, from: error}
    - reduce: {by: [], get: {n: count()}, as: total}
    - write: console
`

// TestWholeLanguage compares a file that uses everything with the same job in Go.
func TestWholeLanguage(t *testing.T) {
	const (
		e rdd.LabelSet = 1 << iota
		b
		i
		perMeter
		total
	)
	events := rdd.From("parquet", rdd.Options{"path": []string{"in", "more"}, "union_by_name": true, "fraction": 0.5,
		"types": map[string]string{"a b": "date", "c": "decimal(3,1)", "d": "1"}, "poll": "1h30m"}).
		Tag(rdd.Tag{
			Rules:     []rdd.Rule{{Label: e, When: "code > 0"}, {Label: b, When: "kind IN ('b', 'B')"}},
			Exclusive: true, Otherwise: i, Identity: []string{"meter", "ts"}, Time: "ts", HashColumn: "h", SeqColumn: "s",
		})
	events = rdd.Extend(rdd.Map{For: b | i, Set: []rdd.Assign{{Column: "net", Expr: "wh - back"}, {Column: "one", Expr: "1"}, {Column: "yes", Expr: "true"}}, Drop: []string{"x", "y"}}, rdd.Pos{}, nil, events).
		Filter(e, "severity > 2").
		FlatMap(rdd.FlatMap{For: i, Rows: [][]rdd.Assign{{{Column: "phase", Expr: "'a'"}, {Column: "volt", Expr: "va"}}, {{Column: "phase", Expr: "'b'"}, {Column: "volt", Expr: "vb"}}}}).
		Window(rdd.Window{For: b | i, Time: "ts", Size: 24 * time.Hour}).
		Broadcast(rdd.Broadcast{For: e | b, Of: "last", Columns: []fn.Column{
			{Name: "version", Type: arrow.PrimitiveTypes.Int64},
			{Name: "last", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.StructOf(arrow.Field{Name: "x_y", Type: &arrow.Decimal128Type{Precision: 3, Scale: 1}, Nullable: true}))},
		}})
	sums := events.Reduce(rdd.Reduce{From: b | i, As: perMeter, By: []string{"meter", "window_start"}, Get: []rdd.Assign{{Column: "wh", Expr: "sum(net)"}, {Column: "n", Expr: "count()"}}})
	other := rdd.From("parquet", rdd.Options{"path": "b"}).
		Tag(rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"E": e, "I": i}}).Filter(0, "a > 1")
	both := other.Union(events).Shuffle(rdd.Shuffle{From: e, Keys: []string{"meter"}}).
		Reduce(rdd.Reduce{As: total, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}})
	want := rdd.NewJob("meter", []string{"error", "backup", "information", "per_meter", "total"},
		sums.Write(rdd.Write{From: perMeter, Connector: "parquet", Options: rdd.Options{"path": "out/per_meter"}}),
		sums.Filter(perMeter, "n > 1").Write(rdd.Write{Connector: "console", Options: rdd.Options{"limit": int64(5)}, Columns: []string{"meter", "wh"}}),
		both.Write(rdd.Write{From: total, Connector: "console", Options: rdd.Options{}}),
	).With(rdd.Settings{BatchRows: 1_000_000, BatchBytes: 64e6, InFlight: 2, Lateness: 10 * time.Minute, KeyGroups: 4, FrameRows: 4096})

	got, err := jobfile.Parse("meter.yaml", []byte(whole), map[string]string{"path": "in"}, kinds())
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(got, want); d != "" {
		t.Error(d)
	}
	names := map[string]bool{}
	for _, d := range got.Datasets() {
		names[d.Name()] = true
	}
	for _, n := range []string{"events", "per_meter", "other", "both"} {
		if !names[n] {
			t.Errorf("no dataset is named %s", n)
		}
	}
	again, err := jobfile.Parse("again.yaml", jobfile.Format(got), nil, kinds())
	if err != nil {
		t.Fatalf("%v\n%s", err, jobfile.Format(got))
	}
	if d := difference(got, again); d != "" {
		t.Errorf("%s\n%s", d, jobfile.Format(got))
	}
}

// TestMarks proves that the places given to the planner are those of the first
// character of each part, behind quotes and block headers.
func TestMarks(t *testing.T) {
	const src = `job: m
datasets:
  d:
    - read: {parquet: {path: p, fraction: 1}}
    - tag: {rules: [{label: error, when: "a > 1"}], time: 'ts', identity: [x, "y"]}
    - map:
        set:
          ü: "ä + ${v}"
          b: |
            a +
              b
          c: >-

            x
          d:
            plain
            folded
    - filter: {for: error, where: a > ${v}}
    - flatmap: {rows: [{p: '1'}]}
    - window: {time: ts, tumbling: 1 day}
    - shuffle: {by: [k, l]}
    - reduce: {from: [error], by: k, get: {n: count()}}
    - write: {console: {limit: 3}, from: error, columns: [k]}
vars: {v: 10}
`
	job, err := jobfile.Parse("f", []byte(src), nil, kinds())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(src, "\n")
	want := map[string]map[string]string{ // operation, part, the source from there on
		"read":    {"connector": "parquet:", "options.path": "p, fr", "options.fraction": "1}", "other": "read:"},
		"tag":     {"rules.0": "{label", "rules.0.when": "a > 1", "time": "ts'", "identity.0": "x,", "identity.1": "y\""},
		"map":     {"set.ü": "ä +", "set.b": "a +", "set.c": "", "set.d": "plain"},
		"filter":  {"for": "error", "where": "a > $"},
		"flatmap": {"rows.0": "{p:", "rows.0.p": "1'"},
		"window":  {"time": "ts,", "size": "1 day"},
		"shuffle": {"keys.0": "k,", "keys.1": "l]"},
		"reduce":  {"from": "[error]", "by.0": "k, get", "get.n": "count()", "as": "reduce:"},
		"write":   {"connector": "console:", "options.limit": "3}", "from": "error", "columns.0": "k]"},
	}
	for _, d := range job.Datasets() {
		for part, text := range want[d.Op().Kind()] {
			at := d.At(part)
			line := []rune(lines[at.Line-1])
			if rest := string(line[min(at.Column-1, len(line)):]); !strings.HasPrefix(rest, text) || text == "" && at.Line != 13 {
				t.Errorf("%s %s is at %s, %q; want %q", d.Op().Kind(), part, at, rest, text)
			}
		}
	}
	m := job.Sinks[0].Parents()[0]
	for m.Op().Kind() != "map" {
		m = m.Parents()[0]
	}
	set := []rdd.Assign{{Column: "ü", Expr: "ä + 10"}, {Column: "b", Expr: "a +\n  b"}, {Column: "c", Expr: "\nx"}, {Column: "d", Expr: "plain folded"}}
	if got := m.Op().(rdd.Map).Set; !slices.Equal(got, set) {
		t.Errorf("map sets %q, want %q", got, set)
	}
}

// TestVariables proves what a reference may stand in, and what stays as it is.
func TestVariables(t *testing.T) {
	const src = `job: "${name} $${name} $ {x} $name ${"
vars:
  name: n
  kind: console
  needed:
datasets:
  d:
    - read: {parquet: {path: ["${needed}/a", x${name}y]}}
    - tag: {column: ${name}}
    - map: {set: {${name}2: ${name} + ${name}}}
    - write: {${kind}: {limit: 1}}
`
	job, err := jobfile.Parse("f", []byte(src), map[string]string{"needed": "p q", "name": "m"}, kinds())
	if err != nil {
		t.Fatal(err)
	}
	want := rdd.NewJob("m ${name} $ {x} $name ${", []string{"error", "backup", "information"},
		rdd.From("parquet", rdd.Options{"path": []string{"p q/a", "xmy"}}).Tag(rdd.Tag{Column: "m"}).
			Map(0, "m2", "m + m").Write(rdd.Write{Connector: "console", Options: rdd.Options{"limit": int64(1)}}))
	if d := difference(job, want); d != "" {
		t.Error(d)
	}
	vars, err := jobfile.Variables("f", []byte(src))
	if err != nil || len(vars) != 3 || vars["name"] != "n" || vars["kind"] != "console" || vars["needed"] != "" {
		t.Errorf("Variables: %v, %v", vars, err)
	}
}

// TestShared proves that a dataset used twice is one dataset, and that anchors
// and aliases are followed.
func TestShared(t *testing.T) {
	const src = `job: j
datasets:
  a:
    - read: &in {parquet: p}
    - tag: {column: k}
  b: [{from: a}, {write: &out {console: {limit: 1}}}]
  c: [{from: a}, {filter: x}, {write: *out}]
  d: [{read: *in}, {tag: {column: k}}, {write: *out}]
`
	job, err := jobfile.Parse("f", []byte(src), nil, kinds())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(job.Datasets()); n != 8 {
		t.Errorf("%d datasets, want 8", n)
	}
	if job.Sinks[0].Parents()[0] != job.Sinks[1].Parents()[0].Parents()[0] {
		t.Error("a is built twice")
	}
}

// TestErrorsAreTheAuthors proves the kind of a mistake.
func TestErrorsAreTheAuthors(t *testing.T) {
	_, err := jobfile.Parse("f", []byte("job: x"), nil, kinds())
	if fault.Of(err) != fault.Invalid {
		t.Errorf("%v is a %s", err, fault.Of(err))
	}
}
