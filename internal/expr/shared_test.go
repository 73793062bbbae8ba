package expr

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// TestShared: an expression in which everything stands several times, in branches
// that are taken and in others, gives what the row evaluator gives, failures
// included, and is evaluated once.
func TestShared(t *testing.T) {
	schema := testSchema()
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(dirtyAllocator{memory.DefaultAllocator})
		b := drawBatch(rt, mem, schema)
		k := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kString, kTime, kDate}).Draw(rt, "kind")
		cond, value := drawExpr(rt, kBool, 2), drawExpr(rt, k, 2)
		n := &Case{Whens: []When{
			{If: cond, Then: value},
			{If: &Call{Name: "not", Args: []Node{cond}}, Then: &Call{Name: "coalesce", Args: []Node{value, value}}},
		}, Else: value}
		checkAgainstTwin(rt, mem, schema, b, n)
		b.release()
		mem.AssertSize(t, 0)
	})
}

// TestSharedOnce: what a CASE asks three times is computed once.
func TestSharedOnce(t *testing.T) {
	for src, want := range map[string]int{
		"CASE WHEN hour(t) < 6 OR hour(t) >= 22 THEN 1 WHEN hour(t) >= 17 THEN 2 ELSE 3 END": 1,
		"(f + 1) * (f + 1) + (f + 1)": 1,
		"f + g":                       0,
		"f * f":                       0, // columns are not computed
		"(1 / 0) + (1 / 0)":           0, // nor are constants shared
	} {
		n, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Check(n, testSchema())
		if err != nil {
			t.Fatal(err)
		}
		if p.shared != want {
			t.Errorf("%s: %d results are shared, want %d", src, p.shared, want)
		}
	}
}
