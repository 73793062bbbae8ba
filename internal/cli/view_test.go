package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/rdd"
)

// instant is the type of times.
func instant() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}

// told makes a frame of columns of one row, in the order of fields.
func told(t *testing.T, mem arrowmem.Allocator, fields []arrow.Field, values ...any) *rdd.Frame {
	t.Helper()
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			b.Field(i).AppendNull()
		case string:
			if err := b.Field(i).AppendValueFromString(v); err != nil {
				t.Fatal(err)
			}
		case int:
			if at, ok := b.Field(i).(*array.TimestampBuilder); ok {
				at.Append(arrow.Timestamp(v))
			} else {
				b.Field(i).(*array.Int64Builder).Append(int64(v))
			}
		case float64:
			b.Field(i).(*array.Float64Builder).Append(v)
		case bool:
			b.Field(i).(*array.BooleanBuilder).Append(v)
		}
	}
	return &rdd.Frame{Batch: b.NewRecordBatch()}
}

// sinks opens the outputs of a run in a store, each under the tap.
type sinks struct {
	t     *testing.T
	store *memory.Store
	cfg   engine.Config
	open  map[string]connectors.Sink
}

// write stages a frame twice, as a task does that is run again, and publishes one.
func (s *sinks) write(output string, batch rdd.BatchID, f *rdd.Frame) {
	s.t.Helper()
	ctx := context.Background()
	if s.open[output] == nil {
		inner, err := connectors.NewRegistry(s.store.Kind()).Sink(ctx, rdd.From("generate", nil).Write(rdd.Write{Connector: "memory", Options: rdd.Options{"name": output}}), connectors.Env{})
		if err != nil {
			s.t.Fatal(err)
		}
		s.open[output] = s.cfg.Tap(output, inner)
	}
	var parts []rdd.Staged
	for range 2 {
		staged, err := s.open[output].Stage(ctx, rdd.Block{Batch: batch}, func(yield func(*rdd.Frame, error) bool) { yield(f, nil) })
		if err != nil {
			s.t.Fatal(err)
		}
		parts = append(parts, staged)
	}
	f.Batch.Release()
	for range 2 { // a publication may be said again
		if err := s.open[output].Publish(ctx, rdd.Commit{Batch: batch, Epoch: 1}, parts[1:]); err != nil {
			s.t.Fatal(err)
		}
	}
}

// journey is a run of three cars and two rounds.
func journey(t *testing.T, mem arrowmem.Allocator, cfg engine.Config) {
	s := &sinks{t: t, store: memory.NewStore(mem), cfg: cfg, open: map[string]connectors.Sink{}}
	defer s.store.Release()
	defer func() {
		for _, x := range s.open {
			_ = x.Close()
		}
	}()
	str := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	f64, i64 := arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Int64
	car := []arrow.Field{{Name: "car_id", Type: str}, {Name: "timestamp", Type: instant()}, {Name: "node", Type: str}, {Name: "charge", Type: f64, Nullable: true}, {Name: "location", Type: f64}, {Name: "must_charge", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}}
	hour := 3_600_000_000
	s.write("predictions", 1, told(t, mem, car, "car1", 0, "node1", 90.0, 3.0, nil))
	s.write("predictions", 2, told(t, mem, car, "car2", hour, "node2", 40.0, 153.0, true))
	s.write("predictions", 3, told(t, mem, car, "car2", hour+1, "node2", nil, 154.0, true))
	s.write("predictions", 4, told(t, mem, car, "car2", hour-1, "node2", 99.0, 1.0, false))
	node := []arrow.Field{{Name: "node", Type: str}, {Name: "window_end", Type: instant()}, {Name: "samples", Type: i64}, {Name: "version", Type: i64}, {Name: "accuracy_before", Type: f64, Nullable: true},
		{Name: "tp", Type: i64}, {Name: "fp", Type: i64}, {Name: "tn", Type: i64}, {Name: "fn", Type: i64}}
	s.write("nodes", 4, told(t, mem, node, "node2", hour, 100, 0, nil, 0, 0, 0, 0))
	round := []arrow.Field{{Name: "window_end", Type: instant()}, {Name: "version", Type: i64}, {Name: "nodes", Type: i64}, {Name: "samples", Type: i64}, {Name: "refused", Type: i64}, {Name: "reasons", Type: str},
		{Name: "accuracy", Type: f64, Nullable: true}}
	s.write("rounds", 4, told(t, mem, round, hour, 1, 1, 100, 0, "", nil))
	s.write("nodes", 5, told(t, mem, node, "node2", 2*hour, 50, 1, 0.75, 20, 10, 55, 15))
	s.write("rounds", 5, told(t, mem, round, 2*hour, 2, 4, 1050, 2, "not finite", 0.75))
	s.write("other", 5, told(t, mem, round, 2*hour, 9, 9, 9, 9, "", nil))
}

// watchedApp has a job with a view, whose runs are the journey.
func watchedApp(t *testing.T, mem arrowmem.Allocator) App {
	f := story()
	f.run = func(_ context.Context, cfg engine.Config) (engine.Summary, error) {
		if cfg.Tap != nil {
			journey(t, mem, cfg)
		}
		return engine.Summary{Job: "ev", Plan: "idag", Batches: 5, RowsIn: 4}, nil
	}
	app := f.app()
	ev := app.Jobs[0]
	ev.Name, ev.Shipped = "ev", true
	app.Jobs = append(app.Jobs, ev)
	return app
}

// Who has no terminal gets a line a round, once however often tasks ran, and the
// report; who asks for JSON gets that and nothing else; a program's own job of that
// name has no view.
func TestWatchedRun(t *testing.T) {
	t.Chdir(t.TempDir())
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	app := watchedApp(t, mem)
	_, errs := must(t, app, "run", "ev", "--no-ledger")
	want(t, errs, `round 1  1970-01-01 01:00  model 1 of 1 node, 100 events
round 2  1970-01-01 02:00  model 2 of 4 nodes, 1,050 events, accuracy 75.0 %, 2 updates refused: not finite
report in `+filepath.Join("out", dirName("meter"), "report", "index.html")+"\n")
	page, err := os.ReadFile(filepath.Join("out", "meter", "report", "index.html"))
	if err != nil || !strings.Contains(string(page), "not finite") || strings.Count(string(page), "<svg") != 4 {
		t.Errorf("%v, %d pictures", err, strings.Count(string(page), "<svg"))
	}
	_, errs = must(t, app, "run", "ev", "--no-ledger", "--report", "there")
	if _, err := os.Stat(filepath.Join("there", "accuracy_over_time.png")); err != nil || !strings.Contains(errs, "report in there") {
		t.Errorf("%v, %s", err, errs)
	}
	for _, flag := range []string{"--json", "--quiet", "--report="} {
		if _, errs := must(t, app, "run", "ev", "--no-ledger", flag); strings.Contains(errs, "report in") || flag != "--report=" && errs != "" {
			t.Errorf("%s: %s", flag, errs)
		}
	}
	app.Jobs[len(app.Jobs)-1].Shipped = false
	if _, errs := must(t, app, "run", "ev", "--no-ledger"); errs != "" {
		t.Errorf("another's job: %s", errs)
	}
}

// A report is beside the results that it is about.
func TestReportDir(t *testing.T) {
	for out, dir := range map[string]string{"": filepath.Join("out", "ev", "report"), "there": filepath.Join("there", "report"),
		"s3://bucket/there": filepath.Join("out", "ev", "report")} {
		f := runFlags{}
		if out != "" {
			f.set = []string{"out=" + out}
		}
		if got := f.reportDir("ev"); got != dir {
			t.Errorf("out %q: %s, want %s", out, got, dir)
		}
	}
}

// The picture shows rounds, nodes and the cars that have said something lately, by what
// they said last.
func TestFleetPicture(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	v := newFleetView(nil)
	var cfg engine.Config
	w := watch(t.Context(), nil, v, &silent{}, style{width: 80}, &cfg).(*watched)
	if got := fmt.Sprint(w.picture()); got != "[  no round yet]" {
		t.Error(got)
	}
	journey(t, mem, cfg)
	want(t, strings.Join(w.picture(), "\n")+"\n", `  round 2  1970-01-01 02:00  model 2 of 4 nodes, 1,050 events, accuracy 75.0 %
  2 updates refused: not finite
  node2                     ▅   75.0 %  overall  75.0 %  150 events, model 1
  1970-01-01 01:00  1 of 2 cars on the road
    car2   node2  km 154  40 % charge
`)
}

// A view is shown what its outputs hold when the process takes up the run, and nothing
// else of it; what is told a second time is there once.
func TestPastIsShown(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	dir := t.TempDir()
	put := func(output string, batch int, f *rdd.Frame) {
		at := filepath.Join(dir, output, fmt.Sprintf("batch=%06d", batch), "label=global")
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		file, err := os.Create(filepath.Join(at, "part.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := parquet.NewWriter(file, f.Batch.Schema(), parquet.WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(f.Batch), w.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		f.Batch.Release()
	}
	round := []arrow.Field{{Name: "window_end", Type: instant()}, {Name: "version", Type: arrow.PrimitiveTypes.Int64}, {Name: "nodes", Type: arrow.PrimitiveTypes.Int64}}
	hour := 3_600_000_000
	put("rounds", 1, told(t, mem, round, hour, 1, 3))
	put("rounds", 2, told(t, mem, round, 2*hour, 2, 3))
	put("predictions", 1, told(t, mem, []arrow.Field{{Name: "car_id", Type: arrow.BinaryTypes.String}}, "car1"))

	var sets []*rdd.Dataset
	for _, name := range []string{"rounds", "predictions", "nodes"} {
		sets = append(sets, rdd.From("generate", nil).Write(rdd.Write{Connector: "parquet", Options: rdd.Options{"path": filepath.Join(dir, name)}}).Named(name))
	}
	job := rdd.NewJob("ev", []string{"a"}, sets...)
	v := newFleetView(job)
	cfg := engine.Config{Kinds: connectors.NewRegistry(parquet.Kind())}
	w, _ := watch(t.Context(), job, v, &silent{errs: t.Output()}, style{width: 80}, &cfg).(*watched)
	for _, name := range []string{"rounds", "predictions", "nodes"} {
		cfg.Tap(name, nil)
	}
	if n := len(v.story.Rounds); n != 2 || v.story.Rounds[1].Version != 2 || len(v.cars) != 0 {
		t.Errorf("%d rounds, %d cars", n, len(v.cars))
	}
	w.take("rounds", []tap.Row{{"window_end": arrow.Timestamp(2 * hour), "version": int64(2)}, {"window_end": arrow.Timestamp(3 * hour), "version": int64(3)}})
	if n := len(v.story.Rounds); n != 3 {
		t.Errorf("%d rounds with one told again and one that is new", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "rounds", "batch=000002", "label=global", "part.parquet"), []byte("no file of Parquet"), 0o600); err != nil {
		t.Fatal(err)
	}
	var notes strings.Builder
	watch(t.Context(), job, newFleetView(job), &silent{errs: &notes}, style{width: 80}, &cfg)
	cfg.Tap("rounds", nil)
	if !strings.Contains(notes.String(), "what rounds held before is not shown") {
		t.Errorf("of a damaged file is told %q", notes.String())
	}
}

// Names that no node bears, nodes that take no part and rounds that nobody has seen are
// told of, in the picture once there is a round.
func TestRemarks(t *testing.T) {
	job := rdd.NewJob("ev", []string{"a"}, rdd.From("generate", nil).Map(0, "how", "'participants=node1,node9;stale=node8:1'").Write(rdd.Write{Connector: "console"}))
	v := newFleetView(job)
	if got := len(v.picture(style{width: 80})); got != 1 {
		t.Errorf("%d lines before anything", got)
	}
	node := func(name string, round int64) {
		v.take("nodes", []tap.Row{{"node": name, "window_end": arrow.Timestamp(round), "round": round}})
	}
	node("node1", 7)
	node("node2", 8)
	v.take("rounds", []tap.Row{{"window_end": arrow.Timestamp(7)}})
	got := strings.Join(v.remarks(), "\n")
	want(t, got, `node8  not heard of: the options name it, and no event so far is of such a node
node9  not heard of: the options name it, and no event so far is of such a node
node2  no participant: predicts by the global model and submits none
the first 7 rounds were over before this run was taken up and are not shown`)
	if picture := strings.Join(v.picture(style{width: 80}), "\n"); !strings.Contains(picture, "node9  not heard of") {
		t.Error(picture)
	}
	for i := range 20 {
		node(fmt.Sprintf("other%02d", i), 9)
	}
	if got := v.remarks()[2]; !strings.Contains(got, "13 more  no participant") {
		t.Error(got)
	}
}

// Lines that stand on a terminal are no longer than it is wide, and no more than it is
// high: others could not be drawn again.
func TestStanding(t *testing.T) {
	v := newFleetView(nil)
	w := &watched{to: style{width: 20, height: 4, terminal: true}, view: v}
	for i := range 9 {
		v.take("nodes", []tap.Row{{"node": fmt.Sprint("node", i), "window_end": arrow.Timestamp(1)}})
	}
	if got := w.standing(); len(got) != 2 {
		t.Errorf("%d lines stand on a terminal of 4", len(got))
	}
	for _, line := range w.picture() {
		if n := len([]rune(line)); n > 19 {
			t.Errorf("%q has %d characters", line, n)
		}
	}
}

// What a driver says of a job that ships is told without places in Go files, once; of an
// author's job with them.
func TestUnplaced(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	s := &session{app: watchedApp(t, mem)}
	text := "jobs/ev/ev.go:29: it is so\njobs/ev/ev.go:41: it is so\nand: more"
	if got := s.unplaced("ev", text); got != "it is so\nand: more" {
		t.Errorf("%q", got)
	}
	if got := s.unplaced("meter", text); got != text {
		t.Errorf("%q", got)
	}
}
