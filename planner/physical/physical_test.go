package physical_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBypassIsAKey: bypasses are keys of JSON objects, in receipts and ledgers.
func TestBypassIsAKey(t *testing.T) {
	in := map[physical.Bypass]int64{
		{Op: 3, Label: 1, Reason: bypass.Label}:         7,
		{Op: 12, Label: 63, Reason: bypass.Unscheduled}: 1 << 40,
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := map[physical.Bypass]int64{}
	if err := json.Unmarshal(text, &out); err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%s became %v (%v)", text, out, err)
	}
	if err := json.Unmarshal([]byte(`{"nonsense": 1}`), &out); err == nil {
		t.Error("nonsense was taken for a bypass")
	}
}

// TestPruneNeedsProof: a row group is left out only if its label is known, the
// label's every way has a filter that cannot be true, and the watermark would not
// miss its time.
func TestPruneNeedsProof(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.PrimitiveTypes.Int64}}, nil)
	e, err := expr.Parse("v > 10")
	if err != nil {
		t.Fatal(err)
	}
	big, err := expr.Check(e, schema)
	if err != nil {
		t.Fatal(err)
	}
	p := &physical.Prune{Column: "kind", Values: map[string]int{"a": 0, "b": 1}, Time: "ts",
		Removed: map[int][][]*expr.Program{0: {{big}}}}
	bounds := func(kind string, most int64, time any) expr.Bounds {
		return expr.Bounds{"kind": {Min: kind, Max: kind}, "v": {Min: int64(0), Max: most}, "ts": {Max: time}}
	}
	for name, c := range map[string]struct {
		b    expr.Bounds
		want bool
	}{
		"proven":           {bounds("a", 10, arrow.Timestamp(5)), true},
		"filter may pass":  {bounds("a", 11, arrow.Timestamp(5)), false},
		"another label":    {bounds("b", 10, arrow.Timestamp(5)), false},
		"no label":         {bounds("x", 10, arrow.Timestamp(5)), false},
		"time not known":   {bounds("a", 10, nil), false},
		"nothing is known": {expr.Bounds{}, false},
	} {
		if got := p.Skips(c.b); got != c.want {
			t.Errorf("%s: skipped is %t", name, got)
		}
	}
	if at, ok := p.LatestTime(bounds("a", 1, arrow.Timestamp(5))); !ok || at != 5 {
		t.Errorf("latest time %d, %t", at, ok)
	}
}
