package rdd_test

import (
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

const (
	E rdd.LabelSet = 1 << iota
	B
	I
	Sum
)

// line is the number of the caller's line.
func line() int {
	_, _, n, _ := runtime.Caller(1)
	return n
}

// A mistake is reported at the line of the author's call, so every call that
// makes a dataset has to remember it.
func TestCallersAreRemembered(t *testing.T) {
	base := rdd.From("memory", nil)
	other := rdd.From("memory", nil)
	type made struct {
		at   rdd.Pos
		line int
	}
	at := func(d *rdd.Dataset, line int) made { return made{d.At(""), line} }
	for name, m := range map[string]made{
		"From":    at(rdd.From("memory", nil), line()),
		"Tag":     at(base.Tag(rdd.Tag{}), line()),
		"Map":     at(base.Map(E, "a", "1"), line()),
		"Drop":    at(base.Drop(E, "a"), line()),
		"Filter":  at(base.Filter(E, "true"), line()),
		"FlatMap": at(base.FlatMap(rdd.FlatMap{}), line()),
		"Window":  at(base.Window(rdd.Tumbling("ts", time.Hour)), line()),
		"Shuffle": at(base.Shuffle(rdd.Shuffle{}), line()),
		"Reduce":  at(base.Reduce(rdd.Reduce{}), line()),
		"Join":    at(base.Join(rdd.Join{}, other), line()),
		"Union":   at(base.Union(other), line()),
		"Write":   at(base.Write(rdd.Write{}), line()),
		"Named":   at(base.Named("x"), base.At("").Line), // stays where the dataset was made
		"NewJob":  {rdd.NewJob("j", nil).At, line()},
		"chain": at(base.
			Tag(rdd.Tag{}).
			Filter(E, "true"), line()),
	} {
		if filepath.Base(m.at.File) != "dataset_test.go" || m.at.Line != m.line || m.at.Column != 0 {
			t.Errorf("%s stands at %s, want line %d of this file", name, m.at, m.line)
		}
	}
}

// What a job file's reader marked is found by its name, all else stands where
// the operation does.
func TestMarks(t *testing.T) {
	op, set := rdd.Pos{File: "job.yaml", Line: 3, Column: 5}, rdd.Pos{File: "job.yaml", Line: 4, Column: 9}
	d := rdd.Extend(rdd.Map{}, op, rdd.Marks{"set.a": set})
	if d.At("set.a") != set || d.At("set.b") != op || d.At("") != op {
		t.Errorf("set.a stands at %s, set.b at %s", d.At("set.a"), d.At("set.b"))
	}
	if got := d.With(rdd.Map{Drop: []string{"x"}}).At("set.a"); got != set {
		t.Errorf("a rewritten operation stands at %s", got)
	}
}

// Building never panics and never fails: the mistake waits for Compile, with
// the line where it was made.
func TestMistakesWait(t *testing.T) {
	base := rdd.From("memory", nil)
	for _, pairs := range [][]string{{}, {"a"}, {"a", "1", "b"}} {
		err := base.Map(E, pairs...).Err()
		if err == nil || !strings.Contains(err.Error(), "dataset_test.go") {
			t.Errorf("Map of %q: %v, want an error at this file", pairs, err)
		}
	}
	if err := base.Map(E, "a", "1").Err(); err != nil {
		t.Errorf("a good Map has the error %v", err)
	}
}

// Datasets are immutable: what is built on one does not change it, and a name
// is a new dataset.
func TestDatasetsAreImmutable(t *testing.T) {
	d := rdd.From("memory", nil).Tag(rdd.Tag{Column: "kind"})
	before := *d
	named := d.Named("events")
	_ = d.Filter(E, "true")
	_ = d.With(rdd.Filter{}, named)
	_ = d.Union(named)
	if !reflect.DeepEqual(before, *d) {
		t.Errorf("the dataset has changed to %+v", *d)
	}
	if d.Name() != "" || named.Name() != "events" {
		t.Errorf("the names are %q and %q", d.Name(), named.Name())
	}
	if named.Op().Kind() != "tag" || !slices.Equal(named.Parents(), d.Parents()) {
		t.Error("a name changed more than the name")
	}
}

// Parents come before children and shared ones once, on any graph.
func TestDatasetsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []*rdd.Dataset{rdd.From("memory", nil)}
		for range rapid.IntRange(0, 12).Draw(t, "more") {
			pick := func() *rdd.Dataset { return all[rapid.IntRange(0, len(all)-1).Draw(t, "parent")] }
			if rapid.Bool().Draw(t, "union") {
				all = append(all, pick().Union(pick(), pick()))
			} else {
				all = append(all, pick().Filter(E, "true"))
			}
		}
		sinks := rapid.SliceOfN(rapid.SampledFrom(all), 0, 3).Draw(t, "sinks")
		list := rdd.NewJob("j", nil, sinks...).Datasets()
		place := map[*rdd.Dataset]int{}
		for i, d := range list {
			if _, twice := place[d]; twice {
				t.Fatalf("dataset %d comes twice", i)
			}
			place[d] = i
			for _, p := range d.Parents() {
				if at, ok := place[p]; !ok || at > i {
					t.Fatalf("a parent of dataset %d does not come before it", i)
				}
			}
		}
		for _, s := range sinks {
			if _, ok := place[s]; !ok {
				t.Fatal("a sink is missing")
			}
		}
	})
}

// A job with a nil sink survives until Compile reports it.
func TestDatasetsOfNilSink(t *testing.T) {
	if got := rdd.NewJob("j", nil, nil).Datasets(); len(got) != 0 {
		t.Errorf("a nil sink has the datasets %v", got)
	}
}

// Zero settings have defaults, others stay; a job's own settings are not
// touched by With.
func TestSettings(t *testing.T) {
	want := rdd.Settings{BatchRows: 1 << 20, InFlight: 3, KeyGroups: 8, FrameRows: 16 << 10, Memory: 256 << 20, CheckpointEvery: 10 * time.Second}
	if got := (rdd.Settings{}).WithDefaults(); got != want {
		t.Errorf("the defaults are %+v, want %+v", got, want)
	}
	own := rdd.Settings{BatchRows: 5, BatchBytes: 6, InFlight: 7, Lateness: 8, KeyGroups: 9, FrameRows: 10, Memory: 11, CheckpointEvery: 11, BatchWait: 12}
	if got := own.WithDefaults(); got != own {
		t.Errorf("set fields became %+v", got)
	}
	job := rdd.NewJob("j", []string{"a"})
	if with := job.With(own); with.Settings != own || job.Settings != (rdd.Settings{}) || with.At != job.At {
		t.Errorf("With made %+v of %+v", with, job)
	}
}

// Every operation has a name of its own: it is the key of job files, plans and
// metrics.
func TestKinds(t *testing.T) {
	ops := []rdd.Operation{rdd.Read{}, rdd.Tag{}, rdd.Map{}, rdd.Filter{}, rdd.FlatMap{}, rdd.Window{}, rdd.Shuffle{}, rdd.Reduce{}, rdd.Union{}, rdd.Write{}}
	seen := map[string]bool{}
	for _, op := range ops {
		if op.Kind() != strings.ToLower(reflect.TypeOf(op).Name()) || seen[op.Kind()] {
			t.Errorf("%T is called %q", op, op.Kind())
		}
		seen[op.Kind()] = true
	}
}
