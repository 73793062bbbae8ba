package executor

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// keptOf is what came of a split of so many rows, all with the value of key.
func keptOf(mem memory.Allocator, key string, rows int) *cached {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	for range rows {
		b.Append(key)
	}
	c := &chunk{cols: []arrow.Array{b.NewArray(), nil}, rows: rows, label: -1, origin: rdd.Origin{First: 7, Rows: make([]int32, rows)}}
	defer c.release()
	p := copier{mem: mem, dicts: map[arrow.ArrayData]*array.Data{}}
	defer p.release()
	return &cached{key: key, routes: [][]*chunk{{p.chunk(c)}, nil}, bytes: 100 * int64(rows)}
}

// TestCacheIsLeastRecentlyUsed: against a list too simple to be wrong, the cache
// holds what was used last, within its budget, and gives it back as it came.
func TestCacheIsLeastRecentlyUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		c := NewCache(1000, mem)
		var list []string // what was used last comes last
		size := map[string]int64{}
		use := func(key string) bool {
			for i, k := range list {
				if k == key {
					list = append(append(list[:i:i], list[i+1:]...), key)
					return true
				}
			}
			return false
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			key := fmt.Sprint("k", rapid.IntRange(0, 6).Draw(t, "key"))
			if rapid.Bool().Draw(t, "get") {
				got := c.get(key)
				if (got != nil) != use(key) {
					t.Fatalf("%s: held %t, of %v", key, got != nil, list)
				}
				if got != nil {
					if a, ok := got.routes[0][0].cols[0].(*array.String); !ok || a.Len() > 0 && a.Value(0) != key {
						t.Fatalf("%s came back as %v", key, a)
					}
					got.release()
				}
				continue
			}
			k := keptOf(mem, key, rapid.IntRange(0, 12).Draw(t, "rows"))
			held, bytes := size[key] > 0, k.bytes
			for _, x := range list {
				held = held || x == key
			}
			c.put(k)
			if held || bytes > 1000 {
				continue
			}
			list, size[key] = append(list, key), bytes
			for sum := int64(0); ; sum = 0 {
				for _, x := range list {
					sum += size[x]
				}
				if sum <= 1000 {
					if c.Bytes() != sum {
						t.Fatalf("%d bytes held, want %d", c.Bytes(), sum)
					}
					break
				}
				delete(size, list[0])
				list = list[1:]
			}
		}
		c.Close()
		mem.AssertSize(t, 0)
	})
}

// TestCopiesOutliveTheirOriginals: a copied chunk shares no memory with what it was
// copied from, and a dictionary is copied once.
func TestCopiesOutliveTheirOriginals(t *testing.T) {
	theirs, ours := memory.NewCheckedAllocator(memory.NewGoAllocator()), memory.NewCheckedAllocator(memory.NewGoAllocator())
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	b := array.NewDictionaryBuilder(theirs, dt).(*array.BinaryDictionaryBuilder)
	for _, s := range []string{"a", "b", "a"} {
		if err := b.AppendString(s); err != nil {
			t.Fatal(err)
		}
	}
	b.AppendNull()
	whole := b.NewArray()
	b.Release()
	lists := array.NewListBuilder(theirs, arrow.PrimitiveTypes.Int64)
	lists.Append(true)
	lists.ValueBuilder().(*array.Int64Builder).AppendValues([]int64{1, 2}, nil)
	lists.AppendNull()
	nested := lists.NewArray()
	lists.Release()
	in := &chunk{cols: []arrow.Array{array.NewSlice(whole, 1, 4), array.NewSlice(whole, 0, 3), nested, nil}, rows: 3, label: -1, origin: rdd.Origin{Rows: []int32{4, 5, 6}}}
	want := fmt.Sprint(in.cols[0], in.cols[1], in.cols[2])
	p := copier{mem: ours, dicts: map[arrow.ArrayData]*array.Data{}}
	out := p.chunk(in)
	if len(p.dicts) != 1 {
		t.Errorf("%d dictionaries were copied", len(p.dicts))
	}
	p.release()
	in.origin.Rows[0] = 99
	in.release()
	whole.Release()
	theirs.AssertSize(t, 0)
	if got := fmt.Sprint(out.cols[0], out.cols[1], out.cols[2]); got != want || out.origin.Rows[0] != 4 || out.cols[3] != nil {
		t.Errorf("%s became %s, rows %v", want, got, out.origin.Rows)
	}
	out.release()
	ours.AssertSize(t, 0)
}

// TestUnstampedSplitsAreNotCached: a source that does not tell one state of a split
// from another cannot be cached.
func TestUnstampedSplitsAreNotCached(t *testing.T) {
	steps := []*step{{node: &physical.Node{Cache: "c"}}}
	if key := cacheKey(steps, &rdd.Split{Name: "f", Rows: 10}); key != "" {
		t.Errorf("cached as %q", key)
	}
	if cacheKey(nil, &rdd.Split{Name: "f", Payload: []byte("1")}) != "" {
		t.Error("cached without a place to cache at")
	}
	a, b := cacheKey(steps, &rdd.Split{Name: "f", Payload: []byte("1")}), cacheKey(steps, &rdd.Split{Name: "f", Payload: []byte("1"), First: 5})
	if a == "" || a == b {
		t.Errorf("keys %q and %q", a, b)
	}
}
