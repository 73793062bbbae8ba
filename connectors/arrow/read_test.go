package arrow

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

func field(name string, dt arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: dt, Nullable: true}
}

func wide() *arrow.Schema {
	codes := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	return arrow.NewSchema([]arrow.Field{
		field("i", arrow.PrimitiveTypes.Int16), field("u", arrow.PrimitiveTypes.Uint32), field("f", arrow.PrimitiveTypes.Float32),
		field("b", arrow.FixedWidthTypes.Boolean), field("s", arrow.BinaryTypes.String), field("ls", arrow.BinaryTypes.LargeString),
		field("v", arrow.BinaryTypes.StringView), field("d", codes), field("t", arrow.FixedWidthTypes.Timestamp_ms), field("day", arrow.FixedWidthTypes.Date64),
		field("dec", &arrow.Decimal128Type{Precision: 9, Scale: 2}), field("bin", arrow.BinaryTypes.Binary),
		field("l", arrow.ListOf(arrow.PrimitiveTypes.Int32)), field("ll", arrow.LargeListOf(arrow.BinaryTypes.String)),
		field("fl", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float64)),
		field("st", arrow.StructOf(field("x", arrow.PrimitiveTypes.Int64), field("y", arrow.ListOf(arrow.BinaryTypes.String)))),
		field("m", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)),
		field("n", arrow.Null), field("last", arrow.PrimitiveTypes.Int64),
	}, nil)
}

// some returns batches of all types, with the rows that a source has of them.
func some(t testing.TB, mem memory.Allocator, batches int) []arrow.RecordBatch {
	var out []arrow.RecordBatch
	for k := range batches {
		var rows []string
		for i := range 7 + k {
			rows = append(rows, fmt.Sprintf(`{"i":%d,"u":%d,"f":%d.5,"b":%t,"s":"s%d","ls":"large %d","v":"a view that is not inline %d","d":"code %d","t":"2024-02-29T12:00:0%d.5Z","day":"2024-02-29",
				"dec":"%d.25","bin":"aGk=","l":[%d,null],"ll":["a",null,"b%d"],"fl":[1.5,%d],"st":{"x":%d,"y":["q",null]},"m":[{"key":"k","value":%d}],"n":null,"last":%d}`,
				i, i*1000, i, i%2 == 0, i, k, i, i%3, i%10, i, i, i, i, i, k, i))
		}
		rows = append(rows, `{"last":null}`)
		out = append(out, batchOf(t, mem, wide(), "["+strings.Join(rows, ",")+"]"))
	}
	return out
}

// TestRead proves that files and streams, packed or not, come to the same rows,
// in the engine's types, whatever the frames, and that a projection reads what
// the whole does.
func TestRead(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	batches := some(t, mem, 3)
	defer func() {
		for _, b := range batches {
			b.Release()
		}
	}()
	const second = "0/1: i=1 u=1000 f=1.5 b=false s=s1 ls=large 0 v=a view that is not inline 1 d=code 1 t=2024-02-29T12:00:01.5Z day=2024-02-29 dec=1.25 bin=aGk= " +
		`l=[1,null] ll=["a",null,"b1"] fl=[1.5,1] st={"x":1,"y":["q",null]} m=[{"key":"k","value":0}] last=1`
	var all []string
	for _, form := range []string{"file", "stream"} {
		for name, opt := range map[string]ipc.Option{"none": ipc.WithAllocator(mem), "lz4": ipc.WithLZ4(), "zstd": ipc.WithZstd()} {
			s := open(t, rdd.Options{"path": write(t, form, batches, opt, ipc.WithDictionaryDeltas(form == "stream"))})
			schema, err := s.Schema(t.Context())
			if err != nil {
				t.Fatalf("%s %s: %v", form, name, err)
			}
			if why, _ := schema.Metadata().GetValue("left_out:n"); why == "" {
				t.Error("the column of nulls is not said to be left out")
			}
			for _, frame := range []int{0, 1, 5} {
				got, splits, err := rowsOf(t, s, mem, frame)
				if err != nil || splits != 3 || len(got) != 27 || got[1] != second {
					t.Fatalf("%s %s: %d rows in %d splits, %v\n%s\nwant\n%s", form, name, len(got), splits, err, got[1], second)
				}
				if all == nil {
					all = got
				}
				if !slices.Equal(got, all) {
					t.Errorf("%s %s: other rows\n%s", form, name, strings.Join(got, "\n"))
				}
			}
			some, _, err := rowsOf(t, s, mem, 4, "last", "v", "d", "i")
			if err != nil || some[1] != "0/1: last=1 v=a view that is not inline 1 d=code 1 i=1" {
				t.Errorf("%s %s: a projection reads %v %v", form, name, some, err)
			}
			if none, _, err := rowsOf(t, s, mem, 4, []string{}...); err != nil || len(none) != 27 {
				t.Errorf("%s %s: no columns: %d rows, %v", form, name, len(none), err)
			}
		}
	}
}

// TestDictionaries proves that every batch of a stream is read with the
// dictionary it had: replaced, and grown by deltas.
func TestDictionaries(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{field("d", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String})}, nil)
	var batches []arrow.RecordBatch
	for _, rows := range []string{`[{"d":"a"},{"d":"b"}]`, `[{"d":"a"},{"d":"b"},{"d":"c"}]`, `[{"d":"x"},{"d":null}]`} {
		batches = append(batches, batchOf(t, mem, schema, rows))
	}
	for _, deltas := range []bool{true, false} {
		got, _, err := rowsOf(t, open(t, rdd.Options{"path": write(t, "stream", batches, ipc.WithDictionaryDeltas(deltas))}), mem, 100)
		if want := "0/0: d=a 0/1: d=b 0/2: d=a 0/3: d=b 0/4: d=c 0/5: d=x 0/6: d=null"; err != nil || strings.Join(got, " ") != want {
			t.Errorf("deltas %v: %v %v", deltas, got, err)
		}
	}
	for _, b := range batches {
		b.Release()
	}
}

// TestSchemas proves what files with other columns come to.
func TestSchemas(t *testing.T) {
	mem := memory.DefaultAllocator
	dir := t.TempDir()
	put := func(name string, rows string, fields ...arrow.Field) {
		from := write(t, "file", []arrow.RecordBatch{batchOf(t, mem, arrow.NewSchema(fields, nil), rows)})
		if err := os.Rename(from, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	a, i := field("a", arrow.PrimitiveTypes.Int32), field("b", arrow.PrimitiveTypes.Uint64)
	put("1.arrow", `[{"a":1,"b":2}]`, a, i)
	put("2.arrow", `[{"b":4,"a":3}]`, i, a)
	got, _, err := rowsOf(t, open(t, rdd.Options{"path": dir}), mem, 0)
	if want := "0/0: a=1 b=2 1/0: a=3 b=4"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("another order: %v %v", got, err)
	}
	put("3.arrow", `[{"a":5}]`, a)
	_, _, err = rowsOf(t, open(t, rdd.Options{"path": dir}), mem, 0)
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `3.arrow: it has no column "b"`) {
		t.Errorf("a column is lacking: %v", err)
	}
	got, _, err = rowsOf(t, open(t, rdd.Options{"path": dir, "union_by_name": true}), mem, 0)
	if want := "0/0: a=1 b=2 1/0: a=3 b=4 2/0: a=5 b=null"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("union by name: %v %v", got, err)
	}
	put("4.arrow", `[{"a":"x"}]`, field("a", arrow.BinaryTypes.String))
	_, _, err = rowsOf(t, open(t, rdd.Options{"path": dir, "union_by_name": true}), mem, 0)
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `4.arrow: its column "a" is utf8`) {
		t.Errorf("another type: %v", err)
	}
	put("4.arrow", `[{"a":1,"b":18446744073709551615}]`, a, i)
	_, _, err = rowsOf(t, open(t, rdd.Options{"path": filepath.Join(dir, "4.arrow")}), mem, 0)
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `column "b": row 0`) {
		t.Errorf("a value that does not fit: %v", err)
	}
	_, err = open(t, rdd.Options{"path": filepath.Join(dir, "1.arrow"), "columns": "z"}).Schema(t.Context())
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `there is no column "z"; there are ["a" "b"]`) {
		t.Errorf("an unknown column: %v", err)
	}
}

// damaged reads a file that may be anything: there must be rows or an error of
// the user's, no panic and no leak.
func damaged(t *testing.T, content []byte) {
	path := filepath.Join(t.TempDir(), "x.arrow")
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	_, _, err := rowsOf(t, open(t, rdd.Options{"path": path}), memory.DefaultAllocator, 3)
	if err != nil && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "x.arrow")) {
		t.Fatalf("%v (%s)", err, fault.Of(err))
	}
}

// TestDamaged cuts and changes files everywhere.
func TestDamaged(t *testing.T) {
	batches := some(t, memory.DefaultAllocator, 2)
	r := rand.New(rand.NewPCG(1, 2))
	for _, form := range []string{"file", "stream"} {
		for _, opt := range []ipc.Option{ipc.WithAllocator(memory.DefaultAllocator), ipc.WithLZ4()} {
			whole, err := os.ReadFile(write(t, form, batches, opt))
			if err != nil {
				t.Fatal(err)
			}
			for range 15 {
				damaged(t, whole[:r.IntN(len(whole))])
			}
			for range 100 {
				b := slices.Clone(whole)
				for range 1 + r.IntN(4) {
					b[r.IntN(len(b))] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(r.Uint32())}[r.IntN(6)]
				}
				damaged(t, b)
			}
		}
	}
	damaged(t, nil)
	damaged(t, []byte("name,value\na,1\n"))
	damaged(t, []byte("ARROW1\x00\x00ARROW1"))
}

// FuzzRead proves that no file breaks the reader.
func FuzzRead(f *testing.F) {
	batches := some(f, memory.DefaultAllocator, 2)
	for _, form := range []string{"file", "stream"} {
		for _, opt := range []ipc.Option{ipc.WithAllocator(memory.DefaultAllocator), ipc.WithLZ4(), ipc.WithZstd()} {
			whole, err := os.ReadFile(write(f, form, batches, opt))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(whole)
		}
	}
	f.Fuzz(damaged)
}
