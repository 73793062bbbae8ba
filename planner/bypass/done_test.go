package bypass_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/idag/idag/planner/bypass"
	"pgregory.net/rapid"
)

// TestAppliedIsAllOrNothing: no list but the chain itself proves it: neither a
// beginning of it, nor a longer one, nor one that differs at any place.
func TestAppliedIsAllOrNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var chain []string
		before := ""
		for i, kind := range rapid.SliceOfN(rapid.SampledFrom([]string{"map", "filter", "flatmap"}), 1, 6).Draw(t, "kinds") {
			if i == 0 {
				kind = "tag"
			}
			before = bypass.Link(before, kind, rapid.String().Draw(t, "parameter"))
			chain = append(chain, before)
		}
		gone := rapid.SliceOfN(rapid.String(), 0, 2).Draw(t, "columns left out")
		list := slices.Clone(chain)
		for _, c := range gone {
			list = append(list, bypass.Without(c))
		}
		if lost, ok := bypass.Applied(list, chain); !ok || !slices.Equal(lost, gone) {
			t.Fatalf("the chain does not prove itself: %v without %q", ok, lost)
		}
		at := rapid.IntRange(0, len(chain)-1).Draw(t, "at")
		other := slices.Clone(chain)
		other[at] += "0"
		for name, list := range map[string][]string{
			"a beginning": chain[:at], "longer": append(slices.Clone(chain), chain[at]), "different": other, "nothing": nil,
			"columns left out before the end": append([]string{bypass.Without("a")}, chain...), "only columns left out": {bypass.Without("a")},
		} {
			if _, ok := bypass.Applied(list, chain); ok {
				t.Fatalf("%s proves the chain: %v of %v", name, list, chain)
			}
		}
	})
}

// TestNothingIsProvenOfNothing: rows without a list have had nothing applied.
func TestNothingIsProvenOfNothing(t *testing.T) {
	for _, list := range [][]string{nil, {}, {bypass.Without("a")}} {
		if _, ok := bypass.Applied(list, nil); ok {
			t.Errorf("%v proves an empty chain", list)
		}
	}
}

// TestLinksDiffer: what stands before, the kind and each part, with its borders,
// enter a digest.
func TestLinksDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range []string{
		bypass.Link("", "map"), bypass.Link("", "filter"), bypass.Link("x", "map"), bypass.Link("", "map", "x"),
		bypass.Link("", "map", "x", ""), bypass.Link("", "map", "", "x"), bypass.Link("", "map", "ab", "c"), bypass.Link("", "map", "a", "bc"),
	} {
		if seen[d] || !regexp.MustCompile(`^(map|filter):[0-9a-f]{16}$`).MatchString(d) {
			t.Errorf("%q is no digest of its own", d)
		}
		seen[d] = true
	}
}
