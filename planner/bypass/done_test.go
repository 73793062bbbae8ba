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
		if !bypass.Applied(slices.Clone(chain), chain) {
			t.Fatal("the chain does not prove itself")
		}
		at := rapid.IntRange(0, len(chain)-1).Draw(t, "at")
		other := slices.Clone(chain)
		other[at] += "0"
		for name, list := range map[string][]string{
			"a beginning": chain[:at], "longer": append(slices.Clone(chain), chain[at]), "different": other, "nothing": nil,
		} {
			if bypass.Applied(list, chain) {
				t.Fatalf("%s proves the chain: %v of %v", name, list, chain)
			}
		}
	})
}

// TestNothingIsProvenOfNothing: rows without a list have had nothing applied.
func TestNothingIsProvenOfNothing(t *testing.T) {
	if bypass.Applied(nil, nil) || bypass.Applied([]string{}, []string{}) {
		t.Error("an empty list proves an empty chain")
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
