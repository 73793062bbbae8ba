package expr

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestExamples proves that every function has an example and that it is TRUE.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Signature == "" || f.Doc == "" || f.Example == "" {
				t.Fatalf("incomplete: %+v", f)
			}
			v := evalOne(t, f.Example)
			b, ok := v.(*array.Boolean)
			if !ok || b.IsNull(0) || !b.Value(0) {
				t.Errorf("%s gives %v", f.Example, v)
			}
		})
	}
}

// evalOne evaluates src over one row without columns.
func evalOne(t *testing.T, src string) arrow.Array {
	t.Helper()
	n, err := Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	p, err := Check(n, arrow.NewSchema(nil, nil))
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	r, err := p.Eval(Env{Mem: mem, Now: time.Unix(1, 0)}, nil, 1)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	t.Cleanup(func() {
		r.Release()
		mem.AssertSize(t, 0)
	})
	return r.Values
}
