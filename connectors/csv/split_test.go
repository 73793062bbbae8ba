package csv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// dirty is an allocator whose memory is full of rubbish, as that of a pool is.
type dirty struct{ memory.Allocator }

func (d dirty) Allocate(n int) []byte {
	b := d.Allocator.Allocate(n)
	for i := range b {
		b[i] = 0xff
	}
	return b
}

func (d dirty) Reallocate(n int, b []byte) []byte {
	grown := d.Allocate(n)
	copy(grown, b)
	d.Free(b)
	return grown
}

// readFiles reads files of the given contents as a job does, split by split of
// some hundred bytes, and returns "a=1 b=null" for each row.
func readFiles(t *testing.T, o rdd.Options, mem memory.Allocator, contents ...string) (rows []string, bad int, err error) {
	t.Helper()
	dir := t.TempDir()
	for i, c := range contents {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.csv", i+1)), []byte(c), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	all := rdd.Options{"path": dir}
	for k, v := range o {
		all[k] = v
	}
	checked, err := Kind().Check(connectors.Reading, all)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Kind().Source(t.Context(), checked, connectors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	schema, err := s.Schema(t.Context())
	if err != nil {
		return nil, 0, err
	}
	var splits []rdd.Split
	for from := rdd.Offset(""); !errors.Is(err, io.EOF); {
		var some []rdd.Split
		if some, from, err = s.Cut(t.Context(), from, rdd.Size{Rows: 50}); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		splits = append(splits, some...)
	}
	for _, split := range splits {
		for f, err := range s.Read(t.Context(), split, rdd.Projection{Columns: namesOf(schema), Mem: mem, Rows: 64}) {
			if err != nil {
				return rows, bad, err
			}
			bad += len(f.Header.Bad)
			if f.Batch != nil {
				for i := range int(f.Batch.NumRows()) {
					rows = append(rows, spelled(f.Batch, i))
				}
			}
		}
	}
	return rows, bad, nil
}

// TestLongLine proves that a split that lies within one line is empty.
func TestLongLine(t *testing.T) {
	for _, o := range []rdd.Options{nil, {"header": "true"}} {
		rows, bad, err := readFiles(t, o, nil, "s,t\n"+strings.Repeat("a,b\n", 300)+strings.Repeat("x", 50_000)+",q\n"+strings.Repeat("y,z\n", 300))
		if err != nil || len(rows) != 601 || bad != 0 {
			t.Errorf("%v: %d rows, %d bad, %v", o, len(rows), bad, err)
		}
	}
}

// TestLostHeader proves that a header too long to be read for each split is an
// error that says so.
func TestLostHeader(t *testing.T) {
	f := formatOf(t, rdd.Options{"schema": "a bigint"})
	schema, err := f.Infer(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = readPart(t.Context(), f, files.Input{Path: "a.csv", R: strings.NewReader("1\n"), At: 7}, schema, rdd.Projection{})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "first row is too long") {
		t.Error(err)
	}
}

// TestAbsentInDirtyMemory proves that columns that a file lacks are null in
// whatever memory they are made.
func TestAbsentInDirtyMemory(t *testing.T) {
	mem := memory.NewCheckedAllocator(dirty{memory.NewGoAllocator()})
	defer mem.AssertSize(t, 0)
	rows, bad, err := readFiles(t, rdd.Options{"union_by_name": true, "types": map[string]string{"x": "decimal(9,2)", "n": "binary"}}, mem,
		"a\n1\n2\n", "b,s,d,f,t,x,n\ntrue,text,2024-02-29,1.5,2024-02-29 12:00:00,1.25,aGk=\n")
	want := []string{
		` 0="1" 1=null 2=null 3=null 4=null 5=null 6=null 7=null`,
		` 0="2" 1=null 2=null 3=null 4=null 5=null 6=null 7=null`,
		` 0=null 1="true" 2="text" 3="2024-02-29" 4="1.5" 5="2024-02-29T12:00:00Z" 6="1.25" 7="aGk="`,
	}
	if err != nil || bad != 0 || !slices.Equal(rows, want) {
		t.Errorf("%v, %d bad\n%s", err, bad, strings.Join(rows, "\n"))
	}
	c := absent{mem: mem, typ: arrow.BinaryTypes.String, n: 3}
	a := c.array()
	defer a.Release()
	for i := range 3 {
		if a.ValueStr(i) != "(null)" {
			t.Errorf("row %d is %q", i, a.ValueStr(i))
		}
	}
}
