package engine_test

import (
	"slices"
	"strings"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"pgregory.net/rapid"
)

// TestReasonsOccur proves that the drawn jobs of the other property tests put every
// proof to use: each reason lets rows of many of them pass by, and shuffles within
// reduces, distincts and joins are in place. In the linear plan nothing is bypassed.
func TestReasonsOccur(t *testing.T) {
	const cases = 200
	seen := map[string]int{}
	gen := rapid.Custom(func(t *rapid.T) *twin.Case { return twin.Draw(t, hashOf) })
	for i := range cases {
		c := gen.Example(i)
		s, plan := ran(t, c, planner.IDAG)
		for why := range s.Bypassed {
			seen[why]++
		}
		for _, line := range strings.Split(plan, "\n") {
			if _, after, ok := strings.Cut(line, "outlet "); ok && strings.Contains(line, ", part by part") {
				words := strings.Fields(after)
				seen["in place: "+words[min(2, len(words)-1)]]++
			}
		}
		if i%10 == 0 {
			if s, _ := ran(t, c, planner.Masked); len(s.Bypassed) > 0 {
				t.Errorf("the linear plan bypasses %v\n%s", s.Bypassed, jobfile.Format(c.Job))
			}
		}
	}
	for _, r := range bypass.Reasons() {
		if planned := []bypass.Reason{bypass.Done, bypass.Cached}; seen[string(r)] < cases/30 && !slices.Contains(planned, r) { // these have tests of their own
			t.Errorf("%s: in %d of %d cases", r, seen[string(r)], cases)
		}
	}
	t.Log(seen)
	for _, op := range []string{"reduce", "distinct", "side"} {
		if seen["in place: "+op] < 2 {
			t.Errorf("%s in place: in %d of %d cases", op, seen["in place: "+op], cases)
		}
	}
}

// ran runs a case, checks nothing, and returns its summary and the text of its plan.
func ran(t *testing.T, c *twin.Case, mode planner.Mode) (engine.Summary, string) {
	t.Helper()
	mem := arrowmem.NewGoAllocator()
	store := memory.NewStore(mem)
	defer store.Release()
	p, err := planner.Compile(c.Job, mode)
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := runCase(c, engine.Config{Mode: mode, Executors: 2, Mem: mem, Keep: new(ledger.Memory)}, store, engine.Run)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, fault.Stack(err), jobfile.Format(c.Job))
	}
	return s, planner.Text(p)
}
