package jobfile_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
	"pgregory.net/rapid"
)

// TestRoundTrip proves Parse(Format(job)) = job over random jobs, shared
// datasets and unions of themselves included.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		job := drawJob(t)
		src := jobfile.Format(job)
		got, err := jobfile.Parse("f", src, nil, kinds())
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		if d := difference(job, got); d != "" {
			t.Fatalf("%s\n%s", d, src)
		}
		if again := jobfile.Format(got); string(again) != string(src) {
			t.Fatalf("formatted again:\n%s\nat first:\n%s", again, src)
		}
	})
}

// text is anything that can be written, what YAML makes much of above all.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z_]{1,8}`),
		rapid.SampledFrom([]string{
			"a b", "a > 1 AND b", "x = 'it''s'", `"`, `\`, "a: b", "- a", "# a", "a # b", "${x}", "$${x}", "$${", "a, b", "[a]", "{a}", "*a", "&a",
			"!a", "|", ">", "%a", "@a", "`a`", "true", "null", "~", "1", "1.5", "0x1f", "1e3", ".inf", "2026-01-05", "12:30", "<<", "=", "?", "? a", "-", "--- a",
			"a\nb", "\na", "a\n\n", "\t", " a", "a ", "é", "日本", "\u2028", "\u0085", "\ufeff", "\x00", "\x1b[0m", "😀", "all", "yes", "a:", ":a", "''", "a  b",
		}),
		rapid.String().Filter(func(s string) bool {
			return s != "" && !strings.ContainsAny(s, "\uE000\uE001\uE002") && strings.ToValidUTF8(s, "") == s
		}),
	)
}

// expression is a text that is not blank, as Parse asks of one.
func expression() *rapid.Generator[string] {
	return text().Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
}

func drawJob(t *rapid.T) *rdd.Job {
	label := text().Filter(func(s string) bool { return s != "all" })
	labels := rapid.SliceOfNDistinct(label, 1, 5, rapid.ID[string]).Draw(t, "labels")
	job := &rdd.Job{Name: text().Draw(t, "name"), Labels: labels}
	job.Settings = rdd.Settings{
		BatchRows:  rapid.Int64Range(0, 1<<40).Draw(t, "batch rows"),
		BatchBytes: rapid.Int64Range(0, 1<<62).Draw(t, "batch bytes"),
		InFlight:   rapid.IntRange(0, 9).Draw(t, "in flight"),
		Lateness:   time.Duration(rapid.Int64Range(0, 1<<62).Draw(t, "lateness")),
		KeyGroups:  rapid.IntRange(0, 9).Draw(t, "key groups"),
		FrameRows:  rapid.IntRange(0, 1<<20).Draw(t, "frame rows"),
		Memory:     rapid.Int64Range(0, 1<<50).Draw(t, "memory"),
	}
	if rapid.Bool().Draw(t, "dead letters") {
		job.Dead.Connector, job.Dead.Options = "parquet", rdd.Options{"path": text().Draw(t, "place")}
	}
	job.Dead.MaxShare, job.Dead.MaxRows = float64(rapid.IntRange(0, 400).Draw(t, "share"))/400, rapid.Int64Range(0, 1e9).Draw(t, "rows")
	g := &jobGen{T: t, set: rapid.Custom(func(t *rapid.T) rdd.LabelSet {
		return rdd.LabelSet(rapid.Uint64Range(0, 1<<len(labels)-1).Draw(t, "set"))
	}), bit: rapid.Custom(func(t *rapid.T) rdd.LabelSet {
		return 1 << rapid.IntRange(0, len(labels)-1).Draw(t, "label")
	})}
	all := []*rdd.Dataset{rdd.Extend(g.read(), rdd.Pos{}, nil)}
	for range rapid.IntRange(0, 8).Draw(t, "steps") {
		one := rapid.SampledFrom(all).Draw(t, "parent")
		switch rapid.IntRange(0, 10).Draw(t, "kind") {
		case 0:
			one = rdd.Extend(g.read(), rdd.Pos{}, nil)
		case 1:
			one = one.Union(rapid.SampledFrom(all).Draw(t, "other"))
		case 2:
			one = one.Named(rapid.StringMatching(`[a-z]`).Draw(t, "name"))
		case 3:
			one = one.Join(g.join())
		case 4:
			one = one.Join(g.join(), rapid.SampledFrom(all).Draw(t, "right"))
		default:
			one = rdd.Extend(g.operation(), rdd.Pos{}, nil, one)
		}
		all = append(all, one)
	}
	for range rapid.IntRange(1, 4).Draw(t, "sinks") {
		w := rdd.Write{From: g.set.Draw(t, "from"), Connector: "console", Options: rdd.Options{}, Columns: g.texts(0)}
		sink := rapid.SampledFrom(all).Draw(t, "written").Write(w)
		if rapid.Bool().Draw(t, "named") {
			sink = sink.Named(rapid.StringMatching(`[a-z]`).Draw(t, "sink"))
		}
		job.Sinks = append(job.Sinks, sink)
	}
	if outputs := job.Outputs(); len(outputs) > 0 && rapid.Bool().Draw(t, "schedule") {
		job.Schedule = rapid.SliceOfNDistinct(rapid.SampledFrom(outputs), 1, len(outputs), rapid.ID[string]).Draw(t, "scheduled")
	}
	return job
}

type jobGen struct {
	*rapid.T
	set, bit *rapid.Generator[rdd.LabelSet]
}

func (g *jobGen) texts(least int) []string {
	out := rapid.SliceOfN(text(), least, 3).Draw(g.T, "texts")
	if len(out) == 0 {
		return nil
	}
	return out
}

func (g *jobGen) assigns() []rdd.Assign {
	var out []rdd.Assign
	for _, c := range rapid.SliceOfNDistinct(text(), 1, 3, rapid.ID[string]).Draw(g.T, "columns") {
		out = append(out, rdd.Assign{Column: c, Expr: expression().Draw(g.T, "expression")})
	}
	return out
}

func (g *jobGen) read() rdd.Operation {
	o := rdd.Options{"path": text().Draw(g.T, "path")}
	if rapid.Bool().Draw(g.T, "options") {
		o["path"] = g.texts(1)
		o["union_by_name"] = rapid.Bool().Draw(g.T, "flag")
		o["fraction"] = rapid.Float64().Draw(g.T, "fraction")
	}
	return rdd.Read{Connector: "parquet", Options: o, Trust: rapid.SampledFrom([]string{"", "done", "none"}).Draw(g.T, "trust"),
		Site: rapid.SampledFrom([]string{"", "edge", "plant 7: ü", "on"}).Draw(g.T, "site")}
}

func (g *jobGen) operation() rdd.Operation {
	switch rapid.IntRange(0, 8).Draw(g.T, "operation") {
	case 8:
		return g.broadcast()
	case 7:
		return g.rank()
	case 0:
		return g.tag()
	case 1:
		return rdd.Map{For: g.set.Draw(g.T, "for"), Set: g.assigns(), Drop: g.texts(0)}
	case 2:
		return rdd.Filter{For: g.set.Draw(g.T, "for"), Where: expression().Draw(g.T, "where")}
	case 3:
		if rapid.Bool().Draw(g.T, "explodes") {
			f := rdd.FlatMap{For: g.set.Draw(g.T, "for"), Explode: expression().Draw(g.T, "explode"), As: g.texts(0), Outer: rapid.Bool().Draw(g.T, "outer")}
			if rapid.Bool().Draw(g.T, "at") {
				f.Position = text().Draw(g.T, "position")
			}
			return f
		}
		return rdd.FlatMap{For: g.set.Draw(g.T, "for"), Rows: [][]rdd.Assign{g.assigns(), g.assigns()}}
	case 4:
		return g.window()
	case 5:
		return rdd.Shuffle{From: g.set.Draw(g.T, "from"), Keys: g.texts(1)}
	}
	return rdd.Reduce{From: g.set.Draw(g.T, "from"), As: g.bit.Draw(g.T, "as"), By: g.texts(0), Get: g.assigns()}
}

// broadcast names columns of types of any depth.
func (g *jobGen) broadcast() rdd.Operation {
	var typ func(depth int) arrow.DataType
	typ = func(depth int) arrow.DataType {
		switch rapid.IntRange(0, 5+3*min(depth, 1)).Draw(g.T, "type") {
		case 0:
			return &arrow.Decimal128Type{Precision: 38, Scale: rapid.Int32Range(0, 38).Draw(g.T, "scale")}
		case 6:
			return arrow.ListOf(typ(depth - 1))
		case 7:
			return arrow.MapOf(typ(0), typ(depth-1))
		case 8:
			var fields []arrow.Field
			for _, name := range rapid.SliceOfNDistinct(text(), 1, 3, rapid.ID[string]).Draw(g.T, "fields") {
				fields = append(fields, arrow.Field{Name: name, Type: typ(depth - 1), Nullable: true})
			}
			return arrow.StructOf(fields...)
		}
		return rapid.SampledFrom([]arrow.DataType{
			arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String, arrow.BinaryTypes.Binary,
			arrow.FixedWidthTypes.Timestamp_us, arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Duration_us,
		}).Draw(g.T, "plain type")
	}
	b := rdd.Broadcast{For: g.set.Draw(g.T, "for"), Of: text().Draw(g.T, "of")}
	for _, name := range rapid.SliceOfNDistinct(text(), 1, 3, rapid.ID[string]).Draw(g.T, "columns") {
		b.Columns = append(b.Columns, fn.Column{Name: name, Type: typ(2)})
	}
	return b
}

func (g *jobGen) join() rdd.Join {
	j := rdd.Join{From: g.set.Draw(g.T, "from"), With: g.set.Draw(g.T, "with"), As: g.bit.Draw(g.T, "as"),
		How: rapid.SampledFrom(append(rdd.JoinKind("").All(), "")).Draw(g.T, "kind of join"), Prefix: rapid.SampledFrom([]string{"", "i_", "$", text().Draw(g.T, "prefix")}).Draw(g.T, "or none")}
	for range rapid.IntRange(1, 3).Draw(g.T, "keys") {
		k := rdd.JoinKey{Left: rapid.SampledFrom([]string{text().Draw(g.T, "column"), "tag", rdd.ColHash}).Draw(g.T, "left")}
		k.Right = rapid.SampledFrom([]string{k.Left, text().Draw(g.T, "right")}).Draw(g.T, "or")
		j.On = append(j.On, k)
	}
	if rapid.Bool().Draw(g.T, "conditions") {
		time := func(what string) time.Duration { return time.Duration(rapid.Int64Range(0, 1<<62).Draw(g.T, what)) }
		j.Where = expression().Draw(g.T, "where")
		j.Within = rdd.JoinTime{Left: text().Draw(g.T, "left time"), Right: text().Draw(g.T, "right time"), Before: time("before"), After: time("after")}
	}
	return j
}

func (g *jobGen) tag() rdd.Operation {
	tag := rdd.Tag{Identity: g.texts(0), Exclusive: rapid.Bool().Draw(g.T, "exclusive"), Otherwise: g.bit.Draw(g.T, "otherwise")}
	if rapid.Bool().Draw(g.T, "by column") {
		tag.Column = text().Draw(g.T, "column")
		for _, v := range rapid.SliceOfNDistinct(text(), 0, 3, rapid.ID[string]).Draw(g.T, "values") {
			if tag.Values == nil {
				tag.Values = map[string]rdd.LabelSet{}
			}
			tag.Values[v] = g.bit.Draw(g.T, "label")
		}
		tag.HashColumn, tag.SeqColumn = text().Draw(g.T, "hash"), text().Draw(g.T, "seq")
		return tag
	}
	for range rapid.IntRange(1, 3).Draw(g.T, "rules") {
		tag.Rules = append(tag.Rules, rdd.Rule{Label: g.bit.Draw(g.T, "label"), When: expression().Draw(g.T, "when")})
	}
	tag.Time = expression().Draw(g.T, "time")
	return tag
}

func (g *jobGen) window() rdd.Operation {
	span := func(what string) time.Duration { return time.Duration(rapid.Int64Range(1, 1<<62).Draw(g.T, what)) }
	w := rdd.Window{For: g.set.Draw(g.T, "for"), Time: text().Draw(g.T, "time")}
	switch rapid.IntRange(0, 2).Draw(g.T, "kind of window") {
	case 0:
		w.Size = span("size")
	case 1:
		w.Size, w.Slide = span("size"), span("slide")
	case 2:
		w.Gap = span("gap")
	}
	return w
}

func (g *jobGen) rank() rdd.Operation {
	from, as := g.set.Draw(g.T, "from"), rdd.LabelSet(0)
	if rapid.Bool().Draw(g.T, "together") {
		as = g.bit.Draw(g.T, "as")
	}
	n := rapid.Int64Range(1, 1<<62).Draw(g.T, "n")
	switch rapid.IntRange(0, 4).Draw(g.T, "kind of rank") {
	case 0:
		return rdd.Distinct{From: from, As: as, By: g.texts(0)}
	case 1:
		return rdd.Limit{From: from, As: as, N: n}
	case 2:
		return rdd.Sample{From: from, As: as, N: n, Seed: rapid.Int64().Draw(g.T, "seed")}
	case 3:
		return rdd.Sample{From: from, As: as, Fraction: rapid.Float64Range(1e-300, 1).Draw(g.T, "fraction")}
	}
	sort := rdd.Sort{From: from, As: as}
	for range rapid.IntRange(1, 3).Draw(g.T, "keys") {
		words := rapid.SampledFrom([]string{"", "", " desc", " ASC", " nulls last"}).Draw(g.T, "words")
		sort.By = append(sort.By, expression().Draw(g.T, "key")+words)
	}
	return sort
}

// TestFormatOptions proves that options as a Go program gives them come back as a job
// file gives them, and that secrets come back only where they are revealed.
func TestFormatOptions(t *testing.T) {
	o := rdd.Options{"path": []any{"a", "b"}, "types": map[string]any{"Date": "date", "n": "bigint"}, "poll": 90 * time.Second}
	job := rdd.NewJob("j", []string{"a"}, rdd.From("csv", o).Tag(rdd.Tag{Otherwise: 1}).Write(rdd.Write{Connector: "vault", Options: rdd.Options{"key": rdd.Secret("s3cret")}}))
	for reveal, want := range map[bool]rdd.Secret{false: "***", true: "s3cret"} {
		src := jobfile.Format(job)
		if reveal {
			src = jobfile.Reveal(job)
		}
		if strings.Contains(string(src), "s3cret") != reveal {
			t.Errorf("revealed is %v:\n%s", reveal, src)
		}
		vault := connectors.Kind{Name: "vault", Fields: []connectors.Field{{Name: "key", Type: connectors.String, Secret: true}},
			Sink: func(context.Context, rdd.Options, connectors.Env) (connectors.Sink, error) { return nil, nil }}
		got, err := jobfile.Parse("f", src, nil, connectors.NewRegistry(csv.Kind(), vault))
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		read, _ := got.Datasets()[0].Op().(rdd.Read)
		if fmt.Sprint(read.Options) != "map[path:[a b] poll:1m30s types:map[Date:date n:bigint]]" {
			t.Errorf("options %v of\n%s", read.Options, src)
		}
		if w, _ := got.Sinks[0].Op().(rdd.Write); w.Options["key"] != want {
			t.Errorf("the secret came back as %q", string(w.Options["key"].(rdd.Secret)))
		}
	}
}
