package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/work"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func checked(t testing.TB) *memory.CheckedAllocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

// tables are a table of every kind of column, sliced at an offset, one without
// names and one without rows.
func tables(t testing.TB, mem memory.Allocator) []arrow.RecordBatch {
	t.Helper()
	s := arrow.NewSchema([]arrow.Field{
		{Name: "key", Type: kernel.StringDict(), Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "sum", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		{Name: "yes", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
	}, nil)
	row := func(i int) string {
		k := string(rune('a' + i%5))
		return `{"key":"` + k + `","text":"x` + k + `","sum":1.5,"n":` + string(rune('0'+i%10)) + `,"yes":true,"at":"2026-01-02T03:04:05Z","list":[1,2]}`
	}
	var rows []string
	for i := range 100 {
		if rows = append(rows, row(i)); i%7 == 0 {
			rows = append(rows, `{"n":1}`)
		}
	}
	whole, _, err := array.RecordFromJSON(mem, s, strings.NewReader("["+strings.Join(rows, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Release()
	bare := arrow.NewSchema([]arrow.Field{{Type: arrow.PrimitiveTypes.Int64}, {Type: arrow.PrimitiveTypes.Int64}}, nil)
	out := []arrow.RecordBatch{whole.NewSlice(3, 90), whole.NewSlice(0, 0),
		array.NewRecordBatch(bare, []arrow.Array{whole.Column(3), whole.Column(3)}, whole.NumRows())}
	t.Cleanup(func() { release(out) })
	return out
}

func release(all []arrow.RecordBatch) {
	for _, b := range all {
		b.Release()
	}
}

func save() work.State { return work.State{Epoch: 7, Batch: 12, Stage: 1, Index: 3} }

func written(t testing.TB, dir string, in []arrow.RecordBatch) work.State {
	t.Helper()
	s, err := Write(t.Context(), dir, save(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is read is what was written, whatever the types and offsets.
func TestRoundTrip(t *testing.T) {
	mem := checked(t)
	in := tables(t, mem)
	for _, some := range [][]arrow.RecordBatch{in, in[:1], nil} {
		dir := filepath.Join(t.TempDir(), "made")
		s := written(t, dir, some)
		out, err := Read(t.Context(), dir, s, mem)
		if err != nil || len(out) != len(some) {
			t.Fatalf("%d tables of %d, %v", len(out), len(some), err)
		}
		for i := range out {
			if !array.RecordEqual(out[i], some[i]) {
				t.Errorf("table %d is\n%v\nnot\n%v", i, out[i], some[i])
			}
		}
		release(out)
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("%d files in the directory", len(left))
		}
	}
}

// Every byte counts: one that is flipped, missing or too many is found.
func TestDamage(t *testing.T) {
	mem, dir := checked(t), t.TempDir()
	s := written(t, dir, tables(t, mem))
	path := filepath.Join(dir, s.File)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := Read(t.Context(), dir, s, mem)
		if fault.Of(err) != fault.Lost || !strings.Contains(err.Error(), path) {
			release(out)
			t.Fatalf("%s: %v", what, err)
		}
	}
	for at := 0; at < len(good); at += 37 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 1
		damaged("a flipped bit", bad)
	}
	damaged("a missing byte", good[:len(good)-1])
	damaged("a byte too many", append(good[:len(good):len(good)], 0))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(t.Context(), dir, s, mem); fault.Of(err) != fault.Lost {
		t.Errorf("a file that is gone: %v", err)
	}
	s.File = "../" + s.File
	if _, err := Read(t.Context(), dir, s, mem); fault.Of(err) != fault.Invalid {
		t.Errorf("a file elsewhere: %v", err)
	}
}

// A file that was not finished does not appear, and leaves nothing behind.
func TestUnfinished(t *testing.T) {
	mem, dir := checked(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	_, err := Write(ctx, dir, save(), tables(t, mem), func(string) {
		seen++
		cancel()
		if left, _ := filepath.Glob(filepath.Join(dir, "*.arrows")); len(left) > 0 {
			t.Errorf("half written, there is %v", left)
		}
	})
	if left, _ := os.ReadDir(dir); err == nil || len(left) > 0 || seen != 1 {
		t.Errorf("a write that was cut off: %v, leaves %v", err, left)
	}
	if _, err := Write(t.Context(), "/dev/null/x", save(), nil, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("a place that cannot be written: %v", err)
	}
}

// Retain keeps the files of the checkpoints that are named.
func TestRetain(t *testing.T) {
	dir := t.TempDir()
	s := written(t, dir, nil)
	for _, other := range []string{"old.arrows", "new.arrows" + partial} {
		if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Retain(dir, []work.State{s}); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 || left[0].Name() != s.File {
		t.Errorf("left are %v", left)
	}
	if err := Retain(filepath.Join(dir, "none"), nil); err != nil {
		t.Errorf("no directory: %v", err)
	}
}

// A driver that is late does not remove what the one after it has saved.
func TestRetainLeavesLaterEpochs(t *testing.T) {
	dir := t.TempDir()
	s := written(t, dir, nil)
	before, later := s, s
	before.Epoch, later.Epoch = s.Epoch-1, s.Epoch+1
	for _, other := range []string{name(before), name(later), name(later) + partial} {
		if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Retain(dir, []work.State{s}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("left are %v, %v", left, err)
	}
	for _, e := range left {
		if e.Name() == name(before) {
			t.Errorf("%s is left", e.Name())
		}
	}
	if err := Retain(dir, nil); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
