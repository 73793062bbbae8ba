package expr

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestNullsInDirtyMemory proves that nulls of nested types write all of their
// memory: offsets that an allocator left full of rubbish would be read.
func TestNullsInDirtyMemory(t *testing.T) {
	for _, src := range []string{
		"CAST(NULL AS array<bigint>)",
		"CAST(NULL AS array<array<string>>)",
		"CAST(NULL AS map<string, array<double>>)",
		"CAST(NULL AS struct<a: array<string>, b: map<string, bigint>, c: boolean>)",
		"CASE WHEN 1 > 2 THEN array('x') END",
		"coalesce(NULL, CAST(NULL AS array<string>))",
		"array(CAST(NULL AS array<string>))[0]",
	} {
		n, err := Parse(src)
		if err != nil {
			t.Fatal(src, err)
		}
		p, err := Check(n, arrow.NewSchema(nil, nil))
		if err != nil {
			t.Fatal(src, err)
		}
		mem := memory.NewCheckedAllocator(dirtyAllocator{memory.NewGoAllocator()})
		r, err := p.Eval(Env{Mem: mem, Now: time.Unix(0, 0)}, nil, 3)
		if err != nil {
			t.Fatal(src, err)
		}
		for i := range 3 {
			if !r.Values.IsNull(i) || r.Values.ValueStr(i) != "(null)" {
				t.Errorf("%s: row %d is %s", src, i, r.Values.ValueStr(i))
			}
		}
		r.Release()
		mem.AssertSize(t, 0)
	}
}
