package bypass_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/bypass"
)

// TestInPlace: only a shuffle by the same keys, in their order, of the same types, in
// as many key groups leaves rows where they are.
func TestInPlace(t *testing.T) {
	i, f, s := arrow.DataType(arrow.PrimitiveTypes.Int64), arrow.DataType(arrow.PrimitiveTypes.Float64), arrow.DataType(arrow.BinaryTypes.String)
	have := bypass.Partitioning{Keys: []string{"a", "b"}, Types: []arrow.DataType{i, s}, Groups: 8}
	for name, c := range map[string]struct {
		want bypass.Partitioning
		is   bool
	}{
		"the same":         {bypass.Partitioning{Keys: []string{"a", "b"}, Types: []arrow.DataType{i, s}, Groups: 8}, true},
		"another order":    {bypass.Partitioning{Keys: []string{"b", "a"}, Types: []arrow.DataType{s, i}, Groups: 8}, false},
		"fewer keys":       {bypass.Partitioning{Keys: []string{"a"}, Types: []arrow.DataType{i}, Groups: 8}, false},
		"more keys":        {bypass.Partitioning{Keys: []string{"a", "b", "c"}, Types: []arrow.DataType{i, s, i}, Groups: 8}, false},
		"another type":     {bypass.Partitioning{Keys: []string{"a", "b"}, Types: []arrow.DataType{f, s}, Groups: 8}, false}, // 1 and 1.0 hash otherwise
		"other key groups": {bypass.Partitioning{Keys: []string{"a", "b"}, Types: []arrow.DataType{i, s}, Groups: 9}, false},
		"nothing":          {bypass.Partitioning{}, false},
	} {
		if got := bypass.InPlace(have, c.want); got != c.is {
			t.Errorf("%s: %v", name, got)
		}
	}
	if bypass.InPlace(bypass.Partitioning{Groups: 8}, bypass.Partitioning{Groups: 8}) {
		t.Error("rows that no shuffle brought are where none would bring them")
	}
	if !bypass.InPlace(have.Without([]string{"c"}), have) || bypass.InPlace(have.Without([]string{"c", "b"}), have) || bypass.InPlace(have.Without([]string{"a"}), have) {
		t.Error("it matters which columns are set, and only that")
	}
}
