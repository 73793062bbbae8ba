package executor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/kernel/spell"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

func modes() []planner.Mode {
	return []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged}
}

func strictJob(ev *rdd.Dataset) *rdd.Job {
	return rdd.NewJob("j", labels(), ev.Map(Err, "n", "strict(CAST(meter AS bigint))").
		Write(rdd.Write{Connector: "collect", Columns: []string{"n"}}))
}

func strictRows() [][]string {
	return [][]string{
		{`"kind":"error","meter":"1"`, `"kind":"error","meter":"<x>","code":7,"wh":1.5,"ts":3000001`},
		{`"kind":"info","meter":"y"`},
		{`"kind":"nothing","meter":"2"`, `"kind":"error","meter":"z"`},
	}
}

// The original of a dead letter is the event whole, with columns that the job
// does not read, in every plan. Only splits that have dead letters are read
// again.
func TestOriginalsAreWhole(t *testing.T) {
	for _, mode := range modes() {
		r := newRig(t, mode, "kind meter code wh ts", rdd.Tag{Column: "kind"}, strictJob, strictRows()...)
		task := r.scan(1, 0, 3)
		runAll(r, task)
		var originals []string
		for _, l := range r.dead.take() {
			_, original, _ := strings.Cut(l, " original=")
			_, offset, _ := strings.Cut(l, " offset=")
			originals = append(originals, offset[:1]+" "+original)
		}
		sameRows(t, string(mode), originals, `1 {"kind":"error","meter":"<x>","code":7,"wh":1.5,"ts":"1970-01-01T00:00:03.000001Z"}`,
			`3 {"kind":"nothing","meter":"2"}`, `4 {"kind":"error","meter":"z"}`)
		whole := 0
		for _, columns := range r.src.read {
			if columns == "kind meter code wh ts" {
				whole++
			}
		}
		if whole != 2 {
			t.Errorf("%s: %d splits were read again, want 2", mode, whole)
		}
	}
}

// An event that fails behind a shuffle is still that event: it is read again
// from its split, by its own sequence, by a task that reads no source.
func TestOriginalsBehindAShuffle(t *testing.T) {
	for _, mode := range modes() {
		r := newRig(t, mode, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
			return rdd.NewJob("j", labels(), ev.Filter(0, "code <> 1").Shuffle(rdd.Shuffle{Keys: []string{"code"}}).
				Map(Err, "n", "strict(CAST(meter AS bigint))").Write(rdd.Write{Connector: "collect", Columns: []string{"n"}})).
				With(rdd.Settings{KeyGroups: 1})
		}, []string{`"kind":"error","meter":"a","code":1`, `"kind":"info","meter":"b","code":2`}, []string{`"kind":"error","meter":"c","code":3`, `"kind":"error","meter":"4","code":4`})
		runAll(r, r.scan(1, 0, 2))
		got := r.dead.take()
		if len(got) != 1 || !strings.Contains(got[0], `offset=2 `) || !strings.HasSuffix(got[0], `original={"kind":"error","meter":"c","code":3}`) {
			t.Errorf("%s: the letters are %q", mode, got)
		}
	}
}

// Dead letters count in the checksum by what is the same in every plan and for
// every run, so that all plans agree and another event does not.
func TestDeadLettersInTheChecksum(t *testing.T) {
	sum := func(mode planner.Mode, job func(*rdd.Dataset) *rdd.Job, first, now int64, withSink bool) [2]uint64 {
		r := newRig(t, mode, "kind meter code wh ts", rdd.Tag{Column: "kind"}, job, strictRows()...)
		if !withSink {
			r.x.Dead = nil
		}
		task := r.scan(1, 0, 3)
		for i := range task.Splits {
			task.Splits[i].First += first
		}
		task.Now = now
		return runAll(r, task).Checksum
	}
	want := sum(planner.IDAG, strictJob, 0, 1, true)
	for _, mode := range modes() {
		if got := sum(mode, strictJob, 0, 1, true); got != want {
			t.Errorf("%s: the checksum is %x, not %x", mode, got, want)
		}
	}
	if sum(planner.IDAG, strictJob, 0, 2, true) != want {
		t.Error("the time of the run is in the checksum")
	}
	if sum(planner.IDAG, strictJob, 0, 1, false) != want {
		t.Error("whether letters are kept is in the checksum")
	}
	spelled := func(ev *rdd.Dataset) *rdd.Job {
		return rdd.NewJob("j", labels(), ev.Map(Err, "n", "strict( cast((meter) as BIGINT) )").
			Write(rdd.Write{Connector: "collect", Columns: []string{"n"}}))
	}
	if sum(planner.IDAG, spelled, 0, 1, true) != want {
		t.Error("the spelling of an expression is in the checksum")
	}
	if sum(planner.IDAG, strictJob, 5, 1, true) == want {
		t.Error("the sequence of an event is not in the checksum")
	}
}

// Rows that the source cannot parse become letters with their bytes, whether
// those are text or not; of others the source gives the text that they came in.
// All of them are rows in.
func TestImproperIngest(t *testing.T) {
	for _, mode := range modes() {
		r := newRig(t, mode, "kind meter code wh ts", rdd.Tag{Column: "kind"}, strictJob, strictRows()...)
		r.src.bad = map[int64][]rdd.BadRow{1: {
			{Seq: 7, Raw: []byte("{oops"), Text: "no end"}, {Seq: 9, Raw: []byte{'a', 0xff}, Text: "not UTF-8"},
		}}
		r.src.raw = map[int64][][]byte{1: {[]byte("info, y")}, 2: {[]byte("nothing, 2"), []byte("error, z")}}
		task := r.scan(1, 1, 3)
		for i := range task.Splits {
			task.Splits[i].Rows = -1
		}
		got := r.run(task)
		if got.Tally.RowsIn != 5 || got.Tally.Tagged != 2 || got.Tally.DeadLetters != 4 ||
			got.Tally.Dead[work.Death{Op: 1, Reason: work.ImproperIngest}] != 2 {
			t.Errorf("%s: %+v", mode, got.Tally)
		}
		var originals []string
		for _, l := range r.dead.take() {
			reason, rest, _ := strings.Cut(strings.TrimPrefix(l, "? reason="), " operation=")
			originals = append(originals, reason+": "+rest[strings.Index(rest, "original"):])
		}
		slices.Sort(originals)
		want := []string{"abnormal tag: original=nothing, 2", "improper ingest: original={oops",
			"improper ingest: original_bytes=Yf8=", "strict: original=error, z"}
		if !slices.Equal(originals, want) {
			t.Errorf("%s: %q, want %q", mode, originals, want)
		}
	}
}

// Letters that nobody keeps are counted, and nothing is read again for them.
func TestDeadLettersThrownAway(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code wh ts", rdd.Tag{Column: "kind"}, strictJob, strictRows()...)
	r.x.Dead = nil
	got := r.run(r.scan(1, 0, 3))
	if got.Tally.DeadLetters != 3 || len(r.src.read) != 3 {
		t.Errorf("%d dead letters, %d reads", got.Tally.DeadLetters, len(r.src.read))
	}
	for _, s := range got.Staged {
		if s.Sink == work.DeadLetters {
			t.Errorf("staged %+v", s)
		}
	}
}

// A letter names its event and its operation, and is staged for the sink of
// dead letters.
func TestDeadLetterColumns(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code wh ts", rdd.Tag{Column: "kind"}, strictJob, strictRows()...)
	task := r.scan(1, 0, 1)
	task.Splits[0].First, task.Splits[0].Partition, task.Now = 100, 4, 9_000_000
	got := r.run(task)
	sameRows(t, "the letter", r.dead.take(), `? reason=strict operation=map [error] n = strict(CAST(meter AS bigint)) source=0 partition=4 offset=101 child=0 name=batch 0 `+
		`error=strict(CAST(meter AS bigint)) failed time=9000000 original={"kind":"error","meter":"<x>","code":7,"wh":1.5,"ts":"1970-01-01T00:00:03.000001Z"}`)
	var parts []rdd.Staged
	for _, s := range got.Staged {
		if s.Sink == work.DeadLetters {
			parts = append(parts, s)
		}
	}
	if len(parts) != 1 || parts[0].Rows != 1 {
		t.Errorf("staged %+v", got.Staged)
	}
}

// The children of one event are told apart, through one flatmap and two.
func TestDeadLettersOfChildren(t *testing.T) {
	rows := [][]rdd.Assign{{{Column: "part", Expr: "'1'"}}, {{Column: "part", Expr: "'x'"}}}
	for _, mode := range modes() {
		r := newRig(t, mode, "kind code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
			f := rdd.FlatMap{For: Err, Rows: rows}
			return written(ev.FlatMap(f).FlatMap(f).Map(Err, "n", "strict(CAST(part AS bigint))"))
		}, []string{`"kind":"info"`, `"kind":"error"`})
		runAll(r, r.scan(1, 0, 1))
		var children []string
		for _, l := range r.dead.take() {
			_, child, _ := strings.Cut(l, "offset=1 child=")
			children = append(children, child[:1])
		}
		sameRows(t, string(mode), children, "1", "3")
	}
}

// Every type of the engine has a JSON value, odd ones too.
func TestOriginalsOfEveryType(t *testing.T) {
	mem := checked(t)
	schema := arrow.NewSchema([]arrow.Field{{Name: "b", Type: arrow.FixedWidthTypes.Boolean}, {Name: "i", Type: arrow.PrimitiveTypes.Int64},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64}, {Name: "s", Type: arrow.BinaryTypes.String}, {Name: "t", Type: timestamp()},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32}, {Name: `odd "name"`, Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := batch(t, mem, schema,
		`"b":true,"i":-9223372036854775808,"f":0.1,"s":"a\"b\n","t":-1,"d":"1969-12-31","odd \"name\"":1`,
		`"b":false,"s":""`, ``)
	defer b.Release()
	for i, want := range []string{
		`{"b":true,"i":-9223372036854775808,"f":0.1,"s":"a\"b\n","t":"1969-12-31T23:59:59.999999Z","d":"1969-12-31","odd \"name\"":1}`,
		`{"b":false,"s":""}`, `{}`} {
		if got := original(b.Schema(), b.Columns(), i); string(got) != want {
			t.Errorf("row %d is %s, want %s", i, got, want)
		}
	}
	f := array.NewFloat64Builder(mem)
	defer f.Release()
	for text, want := range map[string]string{"NaN": `"NaN"`, "+Inf": `"+Inf"`, "-Inf": `"-Inf"`, "1e300": "1e+300"} {
		var v float64
		_, _ = fmt.Sscan(text, &v)
		f.Append(v)
		a := f.NewArray()
		if got := string(spell.JSON(nil, a, 0)); got != want {
			t.Errorf("%s is spelled %s, want %s", text, got, want)
		}
		a.Release()
	}
	dict := dictionary(mem, "x y", 1)
	defer dict.Release()
	if got := string(spell.JSON(nil, dict, 0)); got != `"y"` {
		t.Errorf("a dictionary's value is spelled %s", got)
	}
}
