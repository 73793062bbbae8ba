package executor

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// dictionary makes a dictionary array at an offset: rows index values, -1 is
// null, and a value "-" is null in the dictionary itself.
func dictionary(mem memory.Allocator, values string, rows ...int32) arrow.Array {
	v := array.NewStringBuilder(mem)
	defer v.Release()
	for s := range strings.SplitSeq(values, " ") {
		if s == "-" {
			v.AppendNull()
		} else {
			v.Append(s)
		}
	}
	dict := v.NewArray()
	defer dict.Release()
	idx := array.NewInt32Builder(mem)
	defer idx.Release()
	idx.AppendValues([]int32{0, 0, 0}, nil)
	for _, r := range rows {
		if r < 0 {
			idx.AppendNull()
		} else {
			idx.Append(r)
		}
	}
	i := idx.NewArray()
	defer i.Release()
	whole := array.NewDictionaryArray(kernel.StringDict(), i, dict)
	defer whole.Release()
	return array.NewSlice(whole, 3, int64(3+len(rows)))
}

func byKind() physical.Tagging {
	return physical.Tagging{Column: 0, Values: map[string]int{"E": 0, "I": 1}, Otherwise: -1, Hash: -1, Seq: -1}
}

// A label is found by the value, not by its code: dictionaries may hold a value
// twice, values that no row has, and nulls, and they change from frame to frame.
func TestTagByDictionary(t *testing.T) {
	mem := checked(t)
	tg := &tagger{tag: byKind()}
	defer tg.close()
	for _, c := range []struct {
		values string
		rows   []int32
		want   []int32
	}{
		{"E I", []int32{0, 1, 1}, []int32{0, 1, 1}},
		{"I E", []int32{0, 1, 1}, []int32{1, 0, 0}},
		{"E I E", []int32{2, 0, 1}, []int32{0, 0, 1}},
		{"unused I", []int32{1, 1, 1}, []int32{1, 1, 1}},
		{"E other", []int32{1, 0, 1}, []int32{unlabelled, 0, unlabelled}},
		{"E I", []int32{-1, 1, -1}, []int32{unlabelled, 1, unlabelled}},
		{"E - I", []int32{0, 1, 2}, []int32{0, unlabelled, 1}},
		{"E I", nil, nil},
	} {
		col := dictionary(mem, c.values, c.rows...)
		for range 2 { // the second time the table of labels is there
			if err := tg.label([]arrow.Array{col}, len(c.rows)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(tg.labels(), c.want) {
				t.Errorf("dictionary %q, rows %v: labels %v, want %v", c.values, c.rows, tg.labels(), c.want)
			}
		}
		col.Release()
	}
}

// What no rule labels gets the label for the rest, also where the rows of a value are
// labelled together.
func TestTagByDictionaryOtherwise(t *testing.T) {
	mem := checked(t)
	tag := byKind()
	tag.Otherwise = 2
	tg := &tagger{tag: tag}
	defer tg.close()
	for _, c := range []struct {
		values string
		rows   []int32
		want   []int32
	}{
		{"E other", []int32{1, 0, 1}, []int32{2, 0, 2}},
		{"E - I", []int32{0, 1, 2}, []int32{0, 2, 1}},
		{"E I", []int32{-1, 1, 0}, []int32{2, 1, 0}},
	} {
		col := dictionary(mem, c.values, c.rows...)
		if err := tg.label([]arrow.Array{col}, len(c.rows)); err != nil || !slices.Equal(tg.labels(), c.want) {
			t.Errorf("dictionary %q, rows %v: labels %v, %v, want %v", c.values, c.rows, tg.labels(), err, c.want)
		}
		col.Release()
	}
}

// Plain strings give the labels that a dictionary of them gives.
func TestTagByString(t *testing.T) {
	mem := checked(t)
	b := batch(t, mem, schemaOf("kind"), `"kind":"I"`, `"kind":"E"`, ``, `"kind":"e"`, `"kind":""`)
	defer b.Release()
	tag := byKind()
	tg := &tagger{tag: tag}
	for otherwise, want := range map[int][]int32{-1: {1, 0, unlabelled, unlabelled, unlabelled}, 2: {1, 0, 2, 2, 2}} {
		tg.tag.Otherwise = otherwise
		if err := tg.label(b.Columns(), 5); err != nil || !slices.Equal(tg.labels(), want) {
			t.Errorf("otherwise %d: labels %v, %v, want %v", otherwise, tg.labels(), err, want)
		}
	}
}

// A label column of another type cannot come from the planner.
func TestTagByNumberIsABug(t *testing.T) {
	mem := checked(t)
	b := batch(t, mem, schemaOf("code"), `"code":1`)
	defer b.Release()
	if err := (&tagger{tag: byKind()}).label(b.Columns(), 1); fault.Of(err) != fault.Bug || err == nil {
		t.Errorf("the error is %v", err)
	}
}

// Rules: the first that is true decides; exclusive ones must agree; null is not
// true; otherwise takes what none took, but not what several took.
func TestTagByRules(t *testing.T) {
	rules := []rdd.Rule{{Label: Err, When: "code > 2"}, {Label: Info, When: "code > 4 AND code < 7"}, {Label: Err, When: "code > 6"}}
	rows := []string{`"code":1`, `"code":3`, `"code":5`, `"code":7`, ``}
	for _, c := range []struct {
		name string
		tag  rdd.Tag
		want []string
		dead []string
	}{
		{"first wins", rdd.Tag{Rules: rules}, []string{"error code=3", "error code=5", "error code=7"},
			[]string{"no rule labels the row 0", "no rule labels the row 4"}},
		{"otherwise", rdd.Tag{Rules: rules, Otherwise: Info}, []string{"info code=1", "error code=3", "error code=5", "error code=7", "info"}, nil},
		{"exclusive", rdd.Tag{Rules: rules, Exclusive: true}, []string{"error code=3", "error code=7"},
			[]string{"no rule labels the row 0", "several rules label the row 2", "no rule labels the row 4"}},
		{"exclusive with otherwise", rdd.Tag{Rules: rules, Exclusive: true, Otherwise: Info}, []string{"info code=1", "error code=3", "error code=7", "info"},
			[]string{"several rules label the row 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, planner.IDAG, "code", c.tag, func(ev *rdd.Dataset) *rdd.Job { return written(ev) }, rows)
			got := r.run(r.scan(1, 0, 1))
			sameRows(t, "rows", r.out.take(), c.want...)
			sameRows(t, "dead letters", notes(r.dead.take()), c.dead...)
			if n := int64(len(c.dead)); got.Tally.Dead[work.Death{Op: 1, Reason: work.AbnormalTag}] != n || got.Tally.Tagged != 5-n {
				t.Errorf("the tally is %+v", got.Tally)
			}
		})
	}
}

// notes are what dead letters say of their rows: the error and the offset.
func notes(letters []string) []string {
	var out []string
	for _, l := range letters {
		_, offset, _ := strings.Cut(l, " offset=")
		offset, _, _ = strings.Cut(offset, " ")
		_, note, _ := strings.Cut(l, " error=")
		note, _, _ = strings.Cut(note, " time=")
		out = append(out, note+" "+offset)
	}
	return out
}

// Input that brings its own tags is checked: the hash against our own, and that
// hash and sequence are there. A row without a label is that first.
func TestVerifyTags(t *testing.T) {
	mem := checked(t)
	hash := func(meter string) int64 {
		b := batch(t, mem, schemaOf("meter"), meter)
		defer b.Release()
		return int64(kernel.HashRows(b.Columns(), make([]uint64, 1))[0])
	}
	row := func(kind, meter, hash, seq string) string {
		parts := []string{`"kind":"` + kind + `"`}
		for name, v := range map[string]string{"hash": hash, "code": seq} {
			if v != "" {
				parts = append(parts, `"`+name+`":`+v)
			}
		}
		if meter != "" {
			parts = append(parts, meter)
		}
		return strings.Join(parts, ",")
	}
	m := `"meter":"m"`
	right, null := fmt.Sprint(hash(m)), fmt.Sprint(hash(""))
	rows := []string{row("error", m, right, "7"), row("error", m, "12", "7"), row("error", m, "", "7"), row("error", m, right, ""),
		row("nothing", m, "12", ""), row("info", "", null, "7"), row("info", "", right, "7"), row("error", m, "", "")}
	r := newRig(t, planner.IDAG, "kind meter hash code", rdd.Tag{Column: "kind", Identity: []string{"meter"}, HashColumn: "hash", SeqColumn: "code"},
		func(ev *rdd.Dataset) *rdd.Job {
			return rdd.NewJob("j", labels(), ev.Write(rdd.Write{Connector: "collect", Columns: []string{"_label", "_hash", "_seq"}}))
		}, rows)
	got := r.run(r.scan(1, 0, 1))
	sameRows(t, "rows", r.out.take(), "error _label=error _hash="+right+" _seq=0", "info _label=info _hash="+null+" _seq=5")
	sameRows(t, "dead letters", notes(r.dead.take()), "hash 12, expected "+right+" 1", "no hash 2", "no sequence 3",
		"no rule labels the row 4", "hash "+right+", expected "+null+" 6", "no sequence 7")
	want := map[string]int64{work.InaccurateTag: 2, work.PartialRelease: 3, work.AbnormalTag: 1}
	for reason, n := range want {
		if got := got.Tally.Dead[work.Death{Op: 1, Reason: reason}]; got != n {
			t.Errorf("%d dead letters of %s, want %d", got, reason, n)
		}
	}
}

// TestLargest: the largest of any number of values is found, wherever it stands.
func TestLargest(t *testing.T) {
	for n := 1; n < 12; n++ {
		for at := range n {
			vals := make([]int64, n)
			for i := range vals {
				vals[i] = math.MinInt64 + int64(i)
			}
			if vals[at] = -5; largest(vals) != -5 {
				t.Errorf("%v: %d", vals, largest(vals))
			}
		}
	}
}
