package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/parquet-go/parquet-go"
)

// Verdict is what is wrong with what was published.
type Verdict struct {
	Lost    int // rows and dead letters that are not there
	Doubled int // rows and dead letters that are there too often, or should not be
	Sums    int // groups whose count or sum is not that of the rows
	Totals  int // summaries that are not that of a run that nobody killed
}

// Wrong counts everything that is wrong.
func (v Verdict) Wrong() int { return v.Lost + v.Doubled + v.Sums + v.Totals }

// Add adds what is wrong elsewhere.
func (v *Verdict) Add(o Verdict) {
	v.Lost += o.Lost
	v.Doubled += o.Doubled
	v.Sums += o.Sums
	v.Totals += o.Totals
}

// group is what the rows of a key come to. The readings are multiples of 0.1, so
// that tenths add up exactly.
type group struct{ n, tenths int64 }

// Truth is what a job over made-up events has to publish, added up in plain loops, with
// nothing of the engine.
type Truth struct {
	rows    int
	seed    uint64
	events  map[string]int // by meter, time and reading
	letters map[string]int // by partition and offset
	windows map[string]group
	meters  map[string]group
	sides   [2]map[string]group // of errors and backups, by meter and window
}

// NewTruth makes the events and adds them up. Other seeds make other events.
func NewTruth(ctx context.Context, rows int, seed uint64) (t *Truth, err error) {
	t = &Truth{rows: rows, seed: seed, events: map[string]int{}, letters: map[string]int{}, windows: map[string]group{}, meters: map[string]group{},
		sides: [2]map[string]group{{}, {}}}
	o := rdd.Options{"events": "meter", "rows": rows, "seed": int(seed), "partitions": 2, "meters": 50, "dirt": 0.02, "span": "6 hours"}
	mem := memory.NewGoAllocator()
	src, err := connectors.NewRegistry(generate.Kind()).Source(ctx, rdd.From("generate", o), connectors.Env{Mem: mem})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	splits, _, err := src.Cut(ctx, "", rdd.Size{Rows: math.MaxInt32})
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, s := range splits {
		want := rdd.Projection{Columns: []string{"meter", "ts", "wh", "kind"}, Rows: 1 << 12, Mem: mem}
		for f, err := range src.Read(ctx, s, want) {
			if err != nil {
				return nil, err
			}
			t.add(f)
		}
	}
	return t, nil
}

func (t *Truth) add(f *rdd.Frame) {
	text := func(c, i int) string { return f.Batch.Column(c).ValueStr(i) }
	ts, _ := f.Batch.Column(1).(*array.Timestamp)
	wh, _ := f.Batch.Column(2).(*array.Float64)
	for i := range int(f.Batch.NumRows()) {
		if text(3, i) == "unknown" {
			t.letters[fmt.Sprint(f.Header.Origin.Partition, "/", f.Header.Origin.Seq(i))]++
			continue
		}
		at, v := int64(ts.Value(i)), wh.Value(i)
		t.events[eventKey(text(0, i), at, v)]++
		const window = 10 * 60 * 1_000_000
		start := at - at%window
		inWindow := fmt.Sprint(text(0, i), " ", start)
		count(t.windows, inWindow, v)
		count(t.meters, text(0, i), v)
		for side, kind := range []string{"error", "backup"} {
			if text(3, i) == kind {
				count(t.sides[side], inWindow, v)
			}
		}
	}
}

func count(groups map[string]group, key string, wh float64) {
	was := groups[key]
	groups[key] = group{was.n + 1, was.tenths + tenths(wh)}
}

// lone is the rows of windows in which a meter has errors and no backup, or backups and no
// error.
func (t *Truth) lone() map[string]group {
	out := map[string]group{}
	for side, groups := range t.sides {
		for key, g := range groups {
			if _, partner := t.sides[1-side][key]; !partner {
				out[key] = g
			}
		}
	}
	return out
}

// pairs is how many pairs of an error and a backup a meter has, and what the errors of
// them sum up to.
func (t *Truth) pairs() map[string]group {
	var meters [2]map[string]group
	for side, groups := range t.sides {
		meters[side] = map[string]group{}
		for key, g := range groups {
			meter, _, _ := strings.Cut(key, " ")
			was := meters[side][meter]
			meters[side][meter] = group{was.n + g.n, was.tenths + g.tenths}
		}
	}
	out := map[string]group{}
	for meter, e := range meters[0] {
		if b, both := meters[1][meter]; both {
			out[meter] = group{e.n * b.n, e.tenths * b.n}
		}
	}
	return out
}

func eventKey(meter string, at int64, wh float64) string { return fmt.Sprint(meter, " ", at, " ", wh) }

func tenths(wh float64) int64 { return int64(math.Round(wh * 10)) }

// Judge reads what the job has published below dir, which was its working directory and
// has its dead letters in dead, with a reader that is not the engine's.
func (t *Truth) Judge(ctx context.Context, dir string) (Verdict, error) {
	var v Verdict
	events, letters := map[string]int{}, map[string]int{}
	windows, meters, lone, pairs := map[string]group{}, map[string]group{}, map[string]group{}, map[string]group{}
	links := chain{}
	err := errors.Join(
		readParquet(ctx, filepath.Join(dir, "out", "events"), []string{"meter", "ts", "wh"}, func(r []parquet.Value) {
			events[eventKey(r[0].String(), r[1].Int64(), r[2].Double())]++
		}),
		readParquet(ctx, filepath.Join(dir, "out", "windows"), []string{"meter", "window_start", "n", "wh"}, func(r []parquet.Value) {
			v.Doubled += put(windows, fmt.Sprint(r[0].String(), " ", r[1].Int64()), group{r[2].Int64(), tenths(r[3].Double())})
		}),
		readParquet(ctx, filepath.Join(dir, "out", "meters"), []string{"meter", "n", "wh"}, func(r []parquet.Value) {
			v.Doubled += put(meters, r[0].String(), group{r[1].Int64(), tenths(r[2].Double())})
		}),
		readParquet(ctx, filepath.Join(dir, "out", "lone"), []string{"meter", "window_start", "wh", "b_wh"}, func(r []parquet.Value) {
			wh := r[2]
			if wh.IsNull() {
				wh = r[3]
			}
			count(lone, fmt.Sprint(r[0].String(), " ", r[1].Int64()), wh.Double())
		}),
		readParquet(ctx, filepath.Join(dir, "out", "pairs"), []string{"meter", "n", "wh"}, func(r []parquet.Value) {
			v.Doubled += put(pairs, r[0].String(), group{r[1].Int64(), tenths(r[2].Double())})
		}),
		readParquet(ctx, filepath.Join(dir, "out", "chain"), []string{"window_start", "n", "wh", "before", "total"}, func(r []parquet.Value) {
			v.Doubled += links.put(r)
		}),
		readLetters(ctx, filepath.Join(dir, "dead"), letters),
	)
	v.compare(events, t.events)
	v.compare(letters, t.letters)
	v.sums(windows, t.windows)
	v.sums(meters, t.meters)
	v.sums(lone, t.lone())
	v.sums(pairs, t.pairs())
	v.Sums += links.wrong(t)
	return v, err
}

// put adds a group that must not be there yet.
func put(to map[string]group, key string, g group) int {
	_, there := to[key]
	to[key] = g
	if there {
		return 1
	}
	return 0
}

func (v *Verdict) compare(got, want map[string]int) {
	for key, n := range want {
		v.Lost += max(0, n-got[key])
	}
	for key, n := range got {
		v.Doubled += max(0, n-want[key])
	}
}

func (v *Verdict) sums(got, want map[string]group) {
	for key, g := range want {
		if got[key] != g {
			v.Sums++
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			v.Sums++
		}
	}
}

func readParquet(ctx context.Context, dir string, columns []string, row func([]parquet.Value)) error {
	return walk(ctx, dir, func(path string) error { return readFile(path, columns, row) })
}

// walk takes every file below dir that a reader may see: a name that begins with a
// dot or an underscore hides what is below it.
func walk(ctx context.Context, dir string, take func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_"); {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return filepath.SkipDir
		case hidden || d.IsDir():
			return ctx.Err()
		}
		return take(path)
	})
}

func readFile(path string, columns []string, row func([]parquet.Value)) (err error) {
	data, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	info, err := data.Stat()
	if err != nil {
		return err
	}
	f, err := parquet.OpenFile(data, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		leaf, ok := f.Schema().Lookup(c)
		if !ok {
			return fault.New(fault.Bug, "%s has no column %s", path, c)
		}
		at[i] = leaf.ColumnIndex
	}
	in := parquet.NewReader(f)
	defer func() { err = errors.Join(err, in.Close()) }()
	buf, out := make([]parquet.Row, 256), make([]parquet.Value, len(columns))
	for {
		n, err := in.ReadRows(buf)
		for _, r := range buf[:n] {
			for i, c := range at {
				out[i] = r[c]
			}
			row(out)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

// readLetters reads the dead letters of the last run below dir. A process that is
// killed when its run is over, and has said so in the ledger, has ended: the next
// start begins another run, with letters of its own.
func readLetters(ctx context.Context, dir string, letters map[string]int) error {
	runs, err := filepath.Glob(filepath.Join(dir, "job=*", "run=*"))
	if err != nil || len(runs) == 0 {
		return err
	}
	return walk(ctx, slices.Max(runs), func(path string) error {
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			var l struct{ Partition, Offset int64 }
			err = errors.Join(err, json.Unmarshal([]byte(line), &l))
			letters[fmt.Sprint(l.Partition, "/", l.Offset)]++
		}
		return err
	})
}
