package parquet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	other "github.com/parquet-go/parquet-go"
)

type inner struct {
	X *int64   `parquet:"x,optional"`
	L []string `parquet:"l,list"`
}

type deep struct {
	ID    int64            `parquet:"id"`
	List  []int64          `parquet:"list,list"`
	Rep   []int32          `parquet:"rep"`
	Maybe *inner           `parquet:"maybe,optional"`
	Many  []inner          `parquet:"many,list"`
	Map   map[string]int64 `parquet:"map"`
	Lists [][]float64      `parquet:"lists,list"`
}

// deepRows are rows and how their columns read, as JSON.
func deepRows(n int) (rows []deep, want []row) {
	r := rand.New(rand.NewPCG(uint64(n), 9))
	list := func(most int, item func() string) string {
		out := "["
		for i := range r.IntN(most + 1) {
			if i > 0 {
				out += ","
			}
			out += item()
		}
		return out + "]"
	}
	one := func() (inner, string) {
		in, text := inner{}, "{"
		if v := int64(r.IntN(100)); v > 30 {
			in.X = &v
			text += fmt.Sprintf(`"x":%d,`, v)
		}
		text += `"l":` + list(2, func() string {
			in.L = append(in.L, fmt.Sprint("s", len(in.L)))
			return fmt.Sprintf("%q", in.L[len(in.L)-1])
		})
		return in, text + "}"
	}
	for i := range n {
		d, w := deep{ID: int64(i)}, row{int64(i)}
		w = append(w, list(5, func() string { d.List = append(d.List, int64(r.IntN(9))); return fmt.Sprint(d.List[len(d.List)-1]) }))
		w = append(w, list(2, func() string { d.Rep = append(d.Rep, int32(r.IntN(9))); return fmt.Sprint(d.Rep[len(d.Rep)-1]) }))
		if in, text := one(); r.IntN(3) > 0 {
			d.Maybe = &in
			w = append(w, text)
		} else {
			w = append(w, nil)
		}
		w = append(w, list(3, func() string {
			in, text := one()
			d.Many = append(d.Many, in)
			return text
		}))
		if d.Map = map[string]int64{}; r.IntN(2) == 0 {
			d.Map["k"] = int64(i)
			w = append(w, fmt.Sprintf(`{"k":%d}`, i))
		} else {
			w = append(w, "{}")
		}
		w = append(w, list(3, func() string {
			var fs []float64
			text := list(2, func() string { fs = append(fs, float64(r.IntN(9))+0.5); return fmt.Sprint(fs[len(fs)-1]) })
			d.Lists = append(d.Lists, fs)
			return text
		}))
		rows, want = append(rows, d), append(want, w)
	}
	return rows, want
}

// TestNested proves that lists, structs and maps of another writer are read as
// they are, in pages of both versions and any size, from the start and from the
// middle of a row group, in frames of any size.
func TestNested(t *testing.T) {
	for _, n := range []int{0, 1, 5, 200} {
		rows, want := deepRows(n)
		for version := 1; version <= 2; version++ {
			for _, size := range []int{100, 4000, 1 << 20} {
				path := writeOther(t, rows, other.DataPageVersion(version), other.PageBufferSize(size), other.Compression(&other.Snappy))
				t.Run(fmt.Sprintf("%d rows, version %d, pages of %d", n, version, size), func(t *testing.T) {
					for _, frame := range []int{3, 10000} {
						s := open(t, rdd.Options{"path": path}, connectors.Env{})
						got, err := readAll(s, checked(t), frame)
						if err != nil {
							t.Fatal(err)
						}
						compareRows(t, got, want)
						many, err := readAll(s, checked(t), frame, "many", "id")
						if err != nil {
							t.Fatal(err)
						}
						if len(many) > 0 && many[0][0] != want[0][4] {
							t.Errorf("alone, many is %v", many[0])
						}
					}
				})
			}
		}
	}
}

// TestNestedFromTheMiddle proves that rows are passed over by their levels.
func TestNestedFromTheMiddle(t *testing.T) {
	rows, want := deepRows(300)
	path := writeOther(t, rows, other.PageBufferSize(500))
	f, err := openFile(t.Context(), new(files.Places), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.f.Close() }()
	for _, from := range []int{0, 1, 77, 299} {
		for i := range f.columns {
			l := &f.columns[i]
			if l.tree == nil {
				continue
			}
			c := newNested(f, &codecs{}, &f.meta.groups[0], l, checked(t))
			if err := c.skip(int64(from)); err != nil {
				t.Fatal(err)
			}
			a, err := c.read(300 - from)
			if err != nil {
				t.Fatal(err)
			}
			for k := range a.Len() {
				if got := valueAt(a, k); got != want[from+k][i] {
					t.Fatalf("row %d of %s is %v, not %v", from+k, l.name, got, want[from+k][i])
				}
			}
			a.Release()
			c.close()
		}
	}
}

// TestFurtherTypes proves that decimals of every physical type, binary, and times
// of day are read.
func TestFurtherTypes(t *testing.T) {
	type further struct {
		D32  int32         `parquet:"d32,decimal(2:9)"`
		D64  int64         `parquet:"d64,decimal(3:18)"`
		Dfix [9]byte       `parquet:"dfix,decimal(1:20)"`
		Raw  []byte        `parquet:"raw,optional,dict"`
		ID   [16]byte      `parquet:"id,uuid"`
		Ms   int32         `parquet:"ms,time(millisecond)"`
		Us   int64         `parquet:"us,time(microsecond)"`
		Ns   time.Duration `parquet:"ns,time(nanosecond)"`
	}
	path := writeOther(t, []further{
		{-5, 1234567, [9]byte{8: 7}, []byte("\xff\x00"), [16]byte{0: 1}, 1, 2, 3999},
		{100, -1, [9]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, nil, [16]byte{15: 0xff}, 86_399_999, 0, 0},
	})
	span := func(s string) string { return `"INTERVAL '0 ` + s + `' DAY TO SECOND"` }
	compareRows(t, readOther(t, path, nil), []row{
		{"-0.05", "1234.567", "0.7", `"/wA="`, `"AQAAAAAAAAAAAAAAAAAAAA=="`, span("00:00:00.001"), span("00:00:00.000002"), span("00:00:00.000003")},
		{"1.00", "-0.001", "-0.2", nil, `"AAAAAAAAAAAAAAAAAAAA/w=="`, span("23:59:59.999"), span("00:00:00"), span("00:00:00")},
	})
}

// TestBrokenNested flips bytes of a file: rows or an error, but no panic, no
// leak, and no more memory than the file could mean.
func TestBrokenNested(t *testing.T) {
	rows, _ := deepRows(40)
	whole := readBytes(t, writeOther(t, rows, other.PageBufferSize(300)))
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 150 {
		b := slices.Clone(whole)
		for range 1 + i%4 {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		_, _ = tryRead(t, saveBytes(t, t.TempDir()+"/broken.parquet", b))
	}
}
