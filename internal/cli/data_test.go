package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// counter is a source of ascending numbers, rows/partitions in each partition,
// cut one split at a time.
type counter struct {
	rows, partitions int64
	fail             bool
}

func generator() connectors.Kind {
	return connectors.Kind{
		Name: "generate", Doc: "Makes rows. For tests.",
		Fields: []connectors.Field{
			{Name: "rows", Type: connectors.Int, Default: 10},
			{Name: "partitions", Type: connectors.Int, Default: 1},
			{Name: "seed", Type: connectors.Int},
			{Name: "mix", Type: connectors.String},
			{Name: "fail", Type: connectors.Bool, Default: false},
		},
		Source: func(_ context.Context, o rdd.Options, _ connectors.Env) (connectors.Source, error) {
			return &counter{rows: o["rows"].(int64), partitions: o["partitions"].(int64), fail: o["fail"].(bool)}, nil
		},
	}
}

// void is a connector with a sink that nothing here opens.
func void() connectors.Kind {
	return connectors.Kind{
		Name: "void", Doc: "Takes rows.",
		Fields: []connectors.Field{{Name: "path", Type: connectors.String, Main: true}},
		Sink: func(context.Context, rdd.Options, connectors.Env) (connectors.Sink, error) {
			return nil, errors.New("void")
		},
	}
}

func (c *counter) Schema(context.Context) (*arrow.Schema, error) {
	return arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil), nil
}

func (c *counter) Cut(_ context.Context, from rdd.Offset, _ rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	n, _ := strconv.Atoi(string(from))
	if int64(n) >= c.partitions {
		return nil, from, io.EOF
	}
	return []rdd.Split{{Partition: int32(n), Rows: c.rows / c.partitions}}, rdd.Offset(strconv.Itoa(n + 1)), nil
}

func (c *counter) Read(_ context.Context, s rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		b := array.NewInt64Builder(want.Mem)
		defer b.Release()
		for i := range s.Rows {
			b.Append(i)
		}
		col := b.NewArray()
		defer col.Release()
		schema, _ := c.Schema(context.Background())
		batch := array.NewRecordBatch(schema, []arrow.Array{col}, s.Rows)
		defer batch.Release()
		if yield(&rdd.Frame{Batch: batch}, nil) && c.fail {
			yield(nil, errors.New("the source broke"))
		}
	}
}

func (c *counter) Close() error { return nil }

// generate writes one whole file a partition, and only into a directory that
// holds nothing else.
func TestGenerate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	app := new(fake).app()
	out, _ := must(t, app, "generate", "--rows", "4000", "--files", "2", "--out", dir)
	if !strings.HasPrefix(out, "4,000 rows in 2 files (") {
		t.Errorf("output %s", out)
	}
	want(t, files(t, dir), "part-0000.parquet part-0001.parquet")

	status, _, errs := call(t, app, "generate", "--out", dir)
	if status != statusMistake || !strings.Contains(errs, "is not empty; --overwrite removes") {
		t.Errorf("status %d: %s", status, errs)
	}
	must(t, app, "generate", "--out", dir, "--overwrite", "--files", "1")
	want(t, files(t, dir), "part-0000.parquet")

	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	status, _, errs = call(t, app, "generate", "--out", dir, "--overwrite")
	if status != statusMistake || !strings.Contains(errs, "thesis.txt, which is no Parquet file; nothing was removed") {
		t.Errorf("status %d: %s", status, errs)
	}
	want(t, files(t, dir), "part-0000.parquet thesis.txt")
}

// A source that breaks leaves no file behind, and an option that the connector
// does not have is the user's mistake.
func TestGenerateFails(t *testing.T) {
	dir := t.TempDir()
	status, _, errs := call(t, new(fake).app(), "generate", "--out", dir, "--set", "fail=true")
	if status != statusFailed || !strings.Contains(errs, "the source broke") {
		t.Errorf("status %d: %s", status, errs)
	}
	want(t, files(t, dir), "")
	status, _, errs = call(t, new(fake).app(), "generate", "--out", dir, "--set", "sead=1")
	if status != statusMistake || !strings.Contains(errs, `"seed"`) {
		t.Errorf("status %d: %s", status, errs)
	}
}

func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

// twoPlans runs every mode alike but for its time, and the linear ones with
// another checksum if different is set.
func twoPlans(different bool) *fake {
	f := new(fake)
	f.run = func(_ context.Context, cfg engine.Config) (engine.Summary, error) {
		sum := engine.Summary{Job: "meter", RowsIn: 1000, RowsOut: 10, Checksum: "aa", WallSeconds: 4, RowsPerSecond: 250}
		if cfg.Mode == planner.IDAG {
			sum.WallSeconds = 1
			sum.Bypassed = engine.Bypassed{"label": {"error": {"map#5": 50}}}
		} else if different {
			sum.Checksum = "bb"
		}
		return sum, nil
	}
	return f
}

// The demo says that the plans agree, by how much they differ in time, and what
// was left out; its temporary directory is gone.
func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := twoPlans(false)
	out, _ := must(t, f.app(), "demo", "--rows", "1000")
	for _, part := range []string{
		"1,000 meter events, error/backup/information 5/15/80", "linear, masked", "linear, selection",
		"I-DAG", "error    50  map#5", "equal: the same 10 rows, 25 % of the time of the faster linear plan\n",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in\n%s", part, out)
		}
	}
	want(t, files(t, os.TempDir()), "")
	if len(f.vars["path"]) == 0 || len(f.vars["out"]) == 0 {
		t.Errorf("vars %v", f.vars)
	}
}

// The plans alternate, and a run that was disturbed does not count.
func TestDemoBestOfTwo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := twoPlans(false)
	quiet, runs := f.run, ""
	f.run = func(ctx context.Context, cfg engine.Config) (engine.Summary, error) {
		sum, err := quiet(ctx, cfg)
		if runs += string(cfg.Mode) + " "; strings.Count(runs, string(planner.IDAG)) == 1 {
			sum.WallSeconds *= 50
		}
		return sum, err
	}
	out, _ := must(t, f.app(), "demo", "--rows", "1000")
	want(t, runs, strings.Repeat("masked selection idag ", 2))
	if !strings.Contains(out, " 25 % of the time of the faster linear plan\n") {
		t.Errorf("got\n%s", out)
	}
}

func TestDemoUnequal(t *testing.T) {
	dir := t.TempDir()
	status, out, _ := call(t, twoPlans(true).app(), "demo", "--rows", "1000", "--dir", dir)
	if status != statusFailed || !strings.Contains(out, "not equal: the results of linear, masked and I-DAG differ") {
		t.Errorf("status %d:\n%s", status, out)
	}
	want(t, files(t, dir), "events")
}

// A demo that was stopped compares nothing.
func TestDemoStopped(t *testing.T) {
	f := &fake{run: func(context.Context, engine.Config) (engine.Summary, error) {
		return engine.Summary{Stopped: []string{"events: next 7"}}, nil
	}}
	status, _, errs := call(t, f.app(), "demo", "--rows", "1000")
	want(t, errs, "idag: stopped; nothing was compared\n")
	if status != statusFailed || len(f.cfgs) != 3 { // two plans shown, one run
		t.Errorf("status %d after %d runs", status, len(f.cfgs))
	}
}
