package json

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// filler gives n bytes of a line without end, and then the rest.
type filler struct {
	n    int64
	rest io.Reader
}

func (f *filler) Read(p []byte) (int, error) {
	if f.n == 0 {
		return f.rest.Read(p)
	}
	n := int(min(f.n, int64(len(p))))
	clear(p[:n])
	f.n -= int64(n)
	return n, nil
}

// A line of a quarter of a gigabyte is a bad row with its beginning, and is not held in memory.
func TestHugeLine(t *testing.T) {
	const huge = 1 << 28
	f := newFormat(options(t, rdd.Options{"max_line": 1 << 20}))
	in := &filler{n: huge, rest: strings.NewReader("\n{\"a\":1}\n")}
	r, err := f.reader(files.Input{R: in}, schemaOf(t, "a bigint"), rdd.Projection{Columns: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	first, err := r.frame(t.Context())
	if err != nil || len(first.Header.Bad) != 1 || len(first.Header.Bad[0].Raw) != excerptBytes {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := r.frame(t.Context()) // its offsets would not fit beside those of the first
	if !errors.Is(err, io.EOF) || second == nil {
		t.Fatal(err)
	}
	defer second.Batch.Release()
	if seq := second.Header.Origin.Seq(0); seq != huge+1 {
		t.Errorf("the row after the line is at %d", seq)
	}
	if len(r.lines.buf) > 4<<20 {
		t.Errorf("the reader holds %d bytes", len(r.lines.buf))
	}
}

// A line as long as max_line is a row, one byte more is too long, wherever the
// buffer ends.
func TestMaxLine(t *testing.T) {
	for _, size := range []int{9, 100, firstRead - 20, firstRead - 9, firstRead, firstRead + 1, 3 * firstRead} {
		line := `{"a":"` + strings.Repeat("y", size-8) + `"}`
		for most, want := range map[int]string{size: "1 rows, 1 bad", size - 1: "0 rows, 2 bad"} {
			f := newFormat(options(t, rdd.Options{"max_line": most}))
			got := readAll(t, f, files.Input{R: iotest.HalfReader(strings.NewReader("x\n" + line))}, schemaOf(t, "a string"), rdd.Projection{})
			if text := fmt.Sprintf("%d rows, %d bad", len(got.rows), len(got.bad)); text != want {
				t.Errorf("%d bytes of %d: %s", size, most, text)
			}
		}
	}
}

// The rows before an error are handed on, and then the error; the line that it
// cuts off is no row.
func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	f := newFormat(options(t, nil))
	in := io.MultiReader(strings.NewReader("{\"a\":1}\n{\"a\":2}\n{\"a\":3}"), iotest.ErrReader(broken))
	rows := int64(0)
	var last error
	for fr, err := range f.Read(t.Context(), files.Input{R: in}, schemaOf(t, "a bigint"), rdd.Projection{Columns: []string{"a"}}) {
		if last = err; err == nil {
			rows += fr.Batch.NumRows() + int64(len(fr.Header.Bad))
		}
	}
	if rows != 2 || !errors.Is(last, broken) {
		t.Errorf("%d rows, then %v", rows, last)
	}
}

// A reader that is told to stop stops, in the middle of a line too.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := newFormat(options(t, nil))
	for _, err := range f.Read(ctx, files.Input{R: &filler{n: 1 << 62}}, schemaOf(t, "a bigint"), rdd.Projection{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// Who stops early leaves nothing behind.
func TestBreak(t *testing.T) {
	data := events(1000)
	f := newFormat(options(t, nil))
	s, err := f.Infer(t.Context(), []files.Head{{Path: "a", Data: data}})
	if err != nil {
		t.Fatal(err)
	}
	mem := checked(t)
	for fr, err := range f.Read(t.Context(), files.Input{R: bytes.NewReader(data)}, s, rdd.Projection{Columns: names(s), Rows: 10, Mem: mem}) {
		if err != nil || fr.Batch.NumRows() != 10 {
			t.Fatal(err)
		}
		break
	}
}

// Frames are cut where rows, bytes, nested values or bad rows become too many.
func TestFrames(t *testing.T) {
	frames := func(line string, n int, ddl string, rows int) (out []int64) {
		f := newFormat(options(t, nil))
		s := schemaOf(t, ddl)
		for fr, err := range f.Read(t.Context(), files.Input{R: strings.NewReader(strings.Repeat(line+"\n", n))}, s, rdd.Projection{Columns: names(s), Rows: rows, Mem: checked(t)}) {
			if err != nil {
				t.Fatal(err)
			}
			n := int64(-len(fr.Header.Bad))
			if fr.Batch != nil {
				n = fr.Batch.NumRows()
			}
			out = append(out, n)
		}
		return out
	}
	if got := fmt.Sprint(frames(`{"a":1}`, 5, "a bigint", 2)); got != "[2 2 1]" {
		t.Errorf("rows: %s", got)
	}
	if got := fmt.Sprint(frames(`{`, 5, "a bigint", 2)); got != "[-2 -2 -1]" {
		t.Errorf("bad rows: %s", got)
	}
	wide := `{"a":[` + strings.Repeat(`{},`, maxNested/8) + `{}]}`
	if got := fmt.Sprint(frames(wide, 3, "a array<struct<b: bigint, c: bigint, d: bigint>>", 100)); got != "[2 1]" {
		t.Errorf("nested values: %s", got)
	}
}

// A row that would make more values than memory has is bad.
func TestTooWide(t *testing.T) {
	if testing.Short() {
		t.Skip("64 million values")
	}
	ddl := "a array<struct<b0: bigint"
	for i := range 999 {
		ddl += fmt.Sprintf(", b%d: bigint", i+1)
	}
	line := `{"a":[` + strings.Repeat(`{},`, maxCells/1001) + `{}]}`
	f := newFormat(options(t, nil))
	s := schemaOf(t, ddl+">>")
	got := readAll(t, f, files.Input{R: strings.NewReader(line)}, s, rdd.Projection{Columns: []string{}})
	if want := "field a: more nested values than a row may have"; !strings.Contains(got.bad[0], want) {
		t.Errorf("%v", got.bad)
	}
}
