package rdd_test

import (
	"testing"

	"github.com/idag/idag/rdd"
)

// The words of an order come off the end, whatever their case and the space
// between them; an expression may be called like them.
func TestSortOrder(t *testing.T) {
	for src, want := range map[string]struct {
		src              string
		desc, nullsFirst bool
	}{
		"wh":                        {"wh", false, true},
		"wh desc":                   {"wh", true, false},
		"wh ASC":                    {"wh", false, true},
		"wh / 2 DESC Nulls  First ": {"wh / 2", true, true},
		"wh nulls last":             {"wh", false, false},
		"wh desc nulls last":        {"wh", true, false},
		"desc":                      {"desc", false, true},
		"desc desc":                 {"desc", true, false},
		"nulls last":                {"nulls last", false, true},
		"last":                      {"last", false, true},
		"a.last":                    {"a.last", false, true},
		"'x desc'":                  {"'x desc'", false, true},
		" desc":                     {" desc", false, true},
		"":                          {"", false, true},
		"x\n\tdesc":                 {"x", true, false},
	} {
		got, desc, nullsFirst := rdd.Sort{By: []string{src}}.Order(0)
		if got != want.src || desc != want.desc || nullsFirst != want.nullsFirst {
			t.Errorf("%q is %q, %t, %t, want %+v", src, got, desc, nullsFirst, want)
		}
	}
}
