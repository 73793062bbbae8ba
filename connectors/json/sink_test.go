package json

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// What a sink publishes, packed or not, a source reads back: the columns that it
// finds by itself, and their values.
func TestSink(t *testing.T) {
	const text = `{"ts":"2026-01-02T03:04:05.6Z","vehicle":"v1","volt":3.0,"vdd":[1,null],"cell":{"temp":-0.5,"note":"a\nb"},"ok":true,"day":"2026-01-02"}
{"ts":"1969-12-31T00:00:00Z","vehicle":"v2","volt":"NaN","vdd":[],"n":9007199254740993}
{"ts":"2026-01-02T03:04:05Z","vehicle":"v1","cell":{"temp":1e300}}
`
	f := newFormat(options(t, nil))
	s, err := f.Infer(t.Context(), []files.Head{{Path: "a", Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	want := readAll(t, f, files.Input{R: strings.NewReader(text)}, s, rdd.Projection{})
	for compression, extension := range map[string]string{"none": ".jsonl", "gzip": ".jsonl.gz", "zstd": ".jsonl.zst"} {
		dir := filepath.Join(t.TempDir(), "out")
		frames := f.Read(t.Context(), files.Input{R: strings.NewReader(text)}, s, rdd.Projection{Columns: names(s), Rows: 2, Mem: checked(t)})
		publish(t, rdd.Options{"path": dir, "compression": compression}, s, frames)
		if got, _ := filepath.Glob(filepath.Join(dir, "*", "label=event", "*"+extension)); len(got) != 1 {
			t.Errorf("%s: files %v", compression, got)
		}
		got := scanAll(t, rdd.Options{"path": dir, "hive_partitioning": false}, rdd.Size{})
		var a, b []string
		for _, seq := range got.seqs {
			a = append(a, got.rows[seq])
		}
		for _, seq := range want.seqs {
			b = append(b, want.rows[seq])
		}
		if !slices.Equal(a, b) {
			t.Errorf("%s: read\n%s\nwrote\n%s", compression, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
}

func publish(t *testing.T, o rdd.Options, s *arrow.Schema, frames rdd.Stream) {
	t.Helper()
	o, err := Kind().Check(connectors.Writing, o)
	if err != nil {
		t.Fatal(err)
	}
	k, err := Kind().Sink(t.Context(), o, connectors.Env{Job: "job", Labels: []string{"event"}, Run: 1, Schemas: map[int]*arrow.Schema{0: s}, Mem: checked(t)})
	if err != nil {
		t.Fatal(err)
	}
	part, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, func(yield func(*rdd.Frame, error) bool) {
		for f, err := range frames {
			if f != nil {
				f.Header.Labels = 1
			}
			if !yield(f, err) {
				return
			}
		}
	})
	if err == nil {
		err = k.Publish(t.Context(), rdd.Commit{Job: "job", Batch: 1, Epoch: 1}, []rdd.Staged{part})
	}
	if err = errors.Join(err, k.Close()); err != nil {
		t.Fatal(err)
	}
}

// Types that JSON lines cannot hold are refused before a row is written, and
// a disk's error is passed on.
func TestRefused(t *testing.T) {
	for _, dt := range []arrow.DataType{
		arrow.PrimitiveTypes.Int32, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Timestamp_ns,
		arrow.ListOf(arrow.PrimitiveTypes.Float32), arrow.MapOf(arrow.ListOf(arrow.BinaryTypes.String), arrow.BinaryTypes.String),
		arrow.StructOf(arrow.Field{Name: "a", Type: arrow.Null}),
	} {
		s := arrow.NewSchema([]arrow.Field{{Name: "x", Type: dt}}, nil)
		if _, err := (encoder{}).Open(io.Discard, "", s); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "json: column") {
			t.Errorf("writing %s: %v", dt, err)
		}
		for _, err := range newFormat(options(t, nil)).Read(t.Context(), files.Input{R: strings.NewReader("")}, s, rdd.Projection{}) {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("reading %s: %v", dt, err)
			}
		}
	}
	b := array.NewRecordBatch(schemaOf(t, "a bigint"), []arrow.Array{array.MakeArrayOfNull(checked(t), arrow.PrimitiveTypes.Int64, 1)}, 1)
	defer b.Release()
	defer b.Column(0).Release()
	w, err := encoder{}.Open(full{}, "", b.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a full disk: %v", err)
	}
	w, err = encoder{}.Open(io.Discard, "", schemaOf(t, "a string"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b); fault.Of(err) != fault.Bug {
		t.Errorf("a batch of another schema: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrPermission }

func BenchmarkWrite(b *testing.B) {
	data := events(16 << 10)
	f := newFormat(options(b, nil))
	s, err := f.Infer(b.Context(), []files.Head{{Path: "bench", Data: data}})
	if err != nil {
		b.Fatal(err)
	}
	for fr, err := range f.Read(b.Context(), files.Input{R: bytes.NewReader(data)}, s, rdd.Projection{Columns: names(s)}) {
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		w, err := encoder{}.Open(io.Discard, "", s)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := w.Write(fr.Batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(fr.Batch.NumRows())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	}
}
