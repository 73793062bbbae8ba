package fn_test

import (
	"testing"

	"github.com/idag/idag/rdd/fn"
)

// TestOne: a column of one value, null among them, is a constant.
func TestOne(t *testing.T) {
	k := fn.Known{"a": {"x"}, "b": {nil}, "c": {1, 2}}
	for name, want := range map[string]any{"a": "x", "b": nil} {
		if v, ok := k.One(name); !ok || v != want {
			t.Errorf("%s: %v, %v", name, v, ok)
		}
	}
	for _, name := range []string{"c", "d"} {
		if v, ok := k.One(name); ok || v != nil {
			t.Errorf("%s: %v, %v", name, v, ok)
		}
	}
}
