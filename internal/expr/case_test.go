package expr

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// TestCaseOfNumbers proves that CASE with one condition and two numbers, which is
// computed without branches, gives what the row evaluator gives: of conditions that
// are null, that fail and that are constant.
func TestCaseOfNumbers(t *testing.T) {
	schema := testSchema()
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(dirtyAllocator{memory.DefaultAllocator})
		b := drawBatch(rt, mem, schema)
		number := func(name string) Node {
			return &Literal{Value: rapid.SampledFrom([]any{int64(0), int64(1), int64(-7), 2.5, nil}).Draw(rt, name)}
		}
		n := &Case{Whens: []When{{If: drawExpr(rt, kBool, 2), Then: number("then")}}}
		if n.Else = number("else"); rapid.Bool().Draw(rt, "no else") {
			n.Else = nil
		}
		if p, ok := n.Whens[0].Then.(*Literal); ok && p.Value == nil {
			p.Value = int64(3) // null in both would have no type
		}
		checkAgainstTwin(rt, mem, schema, b, n)
		b.release()
		mem.AssertSize(t, 0)
	})
}

// TestCaseIsPicked proves which CASE is computed without branches.
func TestCaseIsPicked(t *testing.T) {
	for src, want := range map[string]bool{
		"CASE WHEN f > 1 THEN 1 ELSE 0 END":            true,
		"CASE WHEN f > 1 THEN 1 ELSE 0.5 END":          true,
		"if(f > 1, 10, 20)":                            true,
		"CASE WHEN f > 1 THEN 1 END":                   false,
		"CASE WHEN f > 1 THEN 1 WHEN g > 1 THEN 2 END": false,
		"CASE WHEN f > 1 THEN f ELSE 0 END":            false,
		"CASE WHEN f > 1 THEN 'a' ELSE 'b' END":        false,
		"CASE f WHEN 1 THEN 1 ELSE 0 END":              false,
		"CASE WHEN f > 1 THEN true ELSE false END":     false,
	} {
		n, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Check(n, testSchema())
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		got := false
		if o, ok := p.root.(*caseOp); ok {
			_, _, got = o.numbers()
		}
		if got != want {
			t.Errorf("%s is picked: %t, want %t", src, got, want)
		}
	}
}
