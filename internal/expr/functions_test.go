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
	for _, f := range functions() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Signature == "" || f.Doc == "" || f.Example == "" {
				t.Fatalf("incomplete: %+v", f)
			}
			r := evalRow(t, f.Example)
			defer r.Release()
			if b, ok := r.Values.(*array.Boolean); !ok || b.IsNull(0) || !b.Value(0) {
				t.Errorf("%s gives %v", f.Example, r.Values)
			}
		})
	}
}

// evalRow evaluates src over one row without columns, in 2027.
func evalRow(t *testing.T, src string) Result {
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
	r, err := p.Eval(Env{Mem: mem, Now: time.Unix(1_800_000_000, 0)}, nil, 1)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return r
}
