package kernel

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// TestPoolClasses: every size has a class that holds it, wastes at most a quarter,
// and is found again by its capacity.
func TestPoolClasses(t *testing.T) {
	for size := 1; size < 1<<22; size += 1 + size/97 {
		class, capacity := classOf(size)
		if capacity < size || (size > 64 && capacity > size+size/4+1) {
			t.Fatalf("%d bytes in a class of %d", size, capacity)
		}
		if again, same := classOf(capacity); again != class || same != capacity {
			t.Fatalf("class %d of %d bytes is found again as %d of %d", class, capacity, again, same)
		}
		if size > 64 {
			if below, _ := classOf(size - 1); below > class {
				t.Fatalf("class %d of %d bytes is above the next", below, size-1)
			}
		}
	}
}

// TestPoolKeepsContents: memory handed out is aligned, of the size asked for and
// nobody else's, also after Reallocate.
func TestPoolKeepsContents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := NewPool(rapid.Int64Range(0, 1<<20).Draw(rt, "limit"))
		mem := memory.NewCheckedAllocator(p)
		live := map[byte][]byte{}
		fill := func(b []byte, mark byte) {
			for i := range b {
				b[i] = mark
			}
		}
		for mark := byte(1); mark < 60; mark++ {
			b := mem.Allocate(rapid.IntRange(0, 5000).Draw(rt, "size"))
			fill(b, mark)
			live[mark] = b
			other := byte(rapid.IntRange(1, int(mark)).Draw(rt, "other"))
			old, ok := live[other]
			if !ok {
				continue
			}
			if rapid.Bool().Draw(rt, "free") {
				mem.Free(old)
				delete(live, other)
				continue
			}
			grown := mem.Reallocate(rapid.IntRange(0, 9000).Draw(rt, "new size"), old)
			checkMark(t, grown[:min(len(grown), len(old))], other)
			fill(grown, other)
			live[other] = grown
		}
		for mark, b := range live {
			checkMark(t, b, mark)
			mem.Free(b)
		}
		mem.AssertSize(t, 0)
		if p.Idle() > p.limit {
			t.Fatalf("%d bytes idle, the limit is %d", p.Idle(), p.limit)
		}
	})
}

func checkMark(t *testing.T, b []byte, mark byte) {
	t.Helper()
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%64 != 0 {
		t.Fatal("memory is not aligned to 64 bytes")
	}
	for _, x := range b {
		if x != mark {
			t.Fatalf("memory of %d was written by %d", mark, x)
		}
	}
}

// TestPoolReuses: a frame after the first costs no new memory.
func TestPoolReuses(t *testing.T) {
	p := NewPool(1 << 20)
	a := p.Allocate(1000)
	p.Free(a)
	if p.Idle() == 0 {
		t.Error("what was freed is not kept")
	}
	b := p.Allocate(1020)
	if unsafe.SliceData(a) != unsafe.SliceData(b) || p.Idle() != 0 {
		t.Error("what was freed is not handed out again")
	}
	if n := testing.AllocsPerRun(100, func() { p.Free(p.Allocate(4096)) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// TestPoolServesBuilders: Arrow's builders do not rely on zeroed memory.
func TestPoolServesBuilders(t *testing.T) {
	p := NewPool(1 << 20)
	for range 3 {
		for _, dt := range movedTypes() {
			r := rand.New(rand.NewPCG(1, 1))
			rows := randomRows(r, dt, 500, 0.5)
			a := build(dirty{p}, dt, rows, 3)
			wantRows(t, a, rows)
			a.Release()
		}
	}
}

func TestPoolConcurrent(t *testing.T) {
	p := NewPool(1 << 20)
	var wg sync.WaitGroup
	for g := range byte(4) {
		wg.Go(func() {
			for i := range 2000 {
				b := p.Allocate(64 << (i % 5))
				b[0], b[len(b)-1] = g, g
				if b[0] != g || b[len(b)-1] != g {
					t.Error("two goroutines share memory")
				}
				p.Free(b)
			}
		})
	}
	wg.Wait()
}

// TestInterner compares with a map.
func TestInterner(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var in Interner
		ids, values := map[string]int32{}, []string{}
		for _, s := range rapid.SliceOf(rapid.StringN(0, 3, 8)).Draw(rt, "strings") {
			id := in.Intern(s)
			if _, ok := ids[s]; !ok {
				ids[s] = int32(len(values))
				values = append(values, s)
			}
			if id != ids[s] || in.Value(id) != s || in.Hash(id) != valueHash(arrow.BinaryTypes.String, s) {
				t.Fatalf("%q is number %d (%q), want %d", s, id, in.Value(id), ids[s])
			}
		}
		a := in.Values(checked(t)).(*array.String)
		defer a.Release()
		for i, s := range values {
			if a.Value(i) != s {
				t.Fatalf("value %d is %q, want %q", i, a.Value(i), s)
			}
		}
		if a.Len() != len(values) || in.Len() != len(values) {
			t.Fatalf("%d and %d strings, want %d", a.Len(), in.Len(), len(values))
		}
	})
}

// TestInternAll proves that strings get the numbers that they get one by one, from
// an array at an offset, some of them known before.
func TestInternAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := checked(t)
		b := array.NewStringBuilder(mem)
		defer b.Release()
		n := rapid.IntRange(0, 300).Draw(rt, "strings")
		for range n {
			b.Append(fmt.Sprint(rapid.IntRange(0, 200).Draw(rt, "string")))
		}
		whole := b.NewArray()
		defer whole.Release()
		a := array.NewSlice(whole, int64(rapid.IntRange(0, n).Draw(rt, "offset")), int64(n)).(*array.String)
		defer a.Release()
		var one, all Interner
		for _, s := range []string{"7", "100", ""} {
			one.Intern(s)
			all.Intern(s)
		}
		ids := make([]int32, a.Len())
		for range 2 {
			all.InternAll(a, ids)
			for i, id := range ids {
				if want := one.Intern(a.Value(i)); id != want {
					t.Fatalf("%q is number %d, want %d", a.Value(i), id, want)
				}
			}
		}
		if all.Len() != one.Len() {
			t.Fatalf("%d strings, want %d", all.Len(), one.Len())
		}
	})
}

// TestInternerGrows: ten thousand strings keep their numbers.
func TestInternerGrows(t *testing.T) {
	var in Interner
	for round := range 2 {
		for i := range int32(10000) {
			if id := in.Intern(fmt.Sprint("meter-", i)); id != i {
				t.Fatalf("round %d: string %d is number %d", round, i, id)
			}
		}
	}
	if in.Bytes() == 0 {
		t.Error("no bytes")
	}
}

// TestMisusePanics: arrays that do not fit are a fault of the caller, and are
// seen, not read past their end.
func TestMisusePanics(t *testing.T) {
	mem := memory.NewGoAllocator()
	i64, f64 := Nulls(mem, arrow.PrimitiveTypes.Int64, 3), Nulls(mem, arrow.PrimitiveTypes.Float64, 3)
	mask := Nulls(mem, arrow.FixedWidthTypes.Boolean, 3).(*array.Boolean)
	list := array.NewListBuilder(mem, arrow.PrimitiveTypes.Int64).NewArray()
	large := array.NewLargeListBuilder(mem, arrow.PrimitiveTypes.Int64).NewArray()
	for name, f := range map[string]func(){
		"take past the end":       func() { Take(mem, i64, Sel{3}) },
		"take a negative row":     func() { Take(mem, i64, Sel{-1}) },
		"take a large list":       func() { Take(mem, large, nil) },
		"blend types":             func() { Blend(mem, mask, i64, f64) },
		"blend lengths":           func() { Blend(mem, mask, i64, Nulls(mem, arrow.PrimitiveTypes.Int64, 2)) },
		"scatter past the end":    func() { Scatter(mem, nil, mask, Sel{0, 1, 3}, 3) },
		"scatter a shorter base":  func() { Scatter(mem, i64, i64, Sel{0, 1, 2}, 4) },
		"scatter types":           func() { Scatter(mem, i64, f64, Sel{0, 1, 2}, 3) },
		"scatter lengths":         func() { Scatter(mem, i64, i64, Sel{0}, 3) },
		"nulls of a large list":   func() { Nulls(mem, large.DataType(), 1) },
		"hash a large list":       func() { HashRows([]arrow.Array{large}, nil) },
		"sort a large list":       func() { Sort([]arrow.Array{large}, []bool{false}, []bool{false}) },
		"checksum of large lists": func() { new(Checksum).AddBatch("e", batchOf([]string{"l"}, large)) },
		"hash of unequal lengths": func() { HashRows([]arrow.Array{i64, list}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}
