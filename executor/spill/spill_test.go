package spill_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/executor/spill"
	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func batch(t *testing.T, mem memory.Allocator, text string) arrow.RecordBatch {
	t.Helper()
	s := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "b", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true}}, nil)
	b, _, err := array.RecordFromJSON(mem, s, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is read is what was written, in any order and any number of times, and
// nothing of it can be seen in the directory.
func TestReadsWhatWasWritten(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	dir := t.TempDir()
	f, err := spill.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	var at []spill.Extent
	for i := range 5 {
		whole := batch(t, mem, fmt.Sprintf(`[{"a":1},{"a":%d,"b":"x%d"},{"b":"y"},{}]`, i, i))
		part := whole.NewSlice(1, int64(2+i%3)) // at an offset
		e, err := f.Append(part)
		if err != nil {
			t.Fatal(err)
		}
		at, want = append(at, e), append(want, fmt.Sprint(part))
		part.Release()
		whole.Release()
	}
	for _, i := range []int{4, 0, 2, 2, 1, 3} {
		got, err := f.Read(at[i], mem)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != want[i] {
			t.Errorf("batch %d is\n%v\nwant\n%s", i, got, want[i])
		}
		got.Release()
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 && left[0].Name() != "" && os.PathSeparator == '/' {
		t.Errorf("%s can be seen", left[0].Name())
	}
	if f.Size() < at[4].Offset+at[4].Size {
		t.Errorf("the file has %d bytes", f.Size())
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A file that ends too soon, or is no stream, is lost, not a panic.
func TestDamage(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	f, err := spill.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := batch(t, mem, `[{"a":1,"b":"x"}]`)
	defer b.Release()
	e, err := f.Append(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []spill.Extent{{Offset: e.Size, Size: 100}, {Offset: 0, Size: e.Size / 2}, {Offset: 0, Size: 7}, {Offset: 3, Size: e.Size - 3},
		{Offset: 0, Size: e.Size, Sum: e.Sum + 1}, {Offset: 0, Size: e.Size - 1, Sum: e.Sum}} {
		if got, err := f.Read(bad, mem); fault.Of(err) != fault.Lost {
			t.Errorf("extent %v: %v, %v", bad, got, err)
		}
	}
}

// A directory that cannot be made is the author's mistake.
func TestNoDirectory(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := spill.Create(file + "/dir"); fault.Of(err) != fault.Invalid {
		t.Errorf("got %v", err)
	}
}
