package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMutantsApply: every mutant is of code that is there, and changes it.
func TestMutantsApply(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range List() {
		if seen[m.Name] || m.Broken == "" || m.Proof == "" || m.Old == m.New {
			t.Errorf("%q needs a name of its own, what it breaks, and a change", m.Name)
		}
		seen[m.Name] = true
		if _, err := m.Apply(root(t)); err != nil {
			t.Error(err)
		}
	}
}

// TestMutants: the property tests find every mutant, and nothing is found
// where nothing is broken. Its verdicts are docs/mutants.md.
func TestMutants(t *testing.T) {
	if os.Getenv("IDAG_MUTANTS") == "" {
		t.Skip("it runs the property tests many times: make mutants")
	}
	list := List()
	sound := list[0]
	sound.New = sound.Old
	if v, err := verdict(t, sound); err != nil || v.Killed {
		t.Fatalf("nothing is broken, and %s says: %s (%v)", v.By, v.Said, err)
	}
	verdicts := make([]Verdict, len(list))
	var wg sync.WaitGroup
	free := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	for i, m := range list {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			v, err := verdict(t, m)
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				return
			}
			if verdicts[i] = v; !v.Killed {
				t.Errorf("%s survived: %s, and no test found it", m.Name, m.Broken)
			}
			t.Logf("%-40s %s: %s", m.Name, v.By, v.Said)
		})
	}
	wg.Wait()
	page := filepath.Join(root(t), "docs", "mutants.md")
	if err := os.WriteFile(page, []byte(table(list, verdicts)), 0o644); err != nil {
		t.Error(err)
	}
}

// verdict draws a few jobs, and then as many as the checks of the whole project do.
func verdict(t *testing.T, m Mutant) (v Verdict, err error) {
	for _, checks := range []int{200, 2000} {
		v, err = m.Run(t.Context(), root(t), t.TempDir(), "./internal/engine", "^Test(Invariant|InvariantUnderFaults|HalfProcessed|CachedRuns)$", checks)
		if err != nil || v.Killed {
			return v, err
		}
	}
	return v, nil
}

// table is docs/mutants.md.
func table(list []Mutant, verdicts []Verdict) string {
	var s strings.Builder
	s.WriteString(`# Mutants

Bypass must be provably right. Here is what happens when a proof is broken on purpose: one place of the code is changed at a time, and the property tests run over random jobs against an
interpreter that knows no bypass. A mutant that they do not find would be a proof that no test holds. ` + "`make mutants`" + ` runs them all and writes this page.

| proof | mutant | what is broken | found by |
| --- | --- | --- | --- |
`)
	for i, m := range list {
		by := "**survived**"
		if verdicts[i].Killed {
			by = verdicts[i].By
		}
		fmt.Fprintf(&s, "| %s | %s | %s (`%s`) | %s |\n", m.Proof, m.Name, m.Broken, m.File, by)
	}
	return s.String()
}

// TestJudge: a failed build is no verdict, nor is a failure of no test.
func TestJudge(t *testing.T) {
	failed := fmt.Errorf("exit status 1")
	for name, c := range map[string]struct {
		out  string
		err  error
		want Verdict
		bad  bool
	}{
		"passed":       {"ok", nil, Verdict{}, false},
		"failed":       {"--- FAIL: TestInvariant (0.1s)\n", failed, Verdict{Killed: true, By: "TestInvariant"}, false},
		"a shard":      {"    --- FAIL: TestInvariant/1 (0.1s)\n", failed, Verdict{Killed: true, By: "TestInvariant"}, false},
		"never ended":  {"panic: test timed out after 3m0s", failed, Verdict{Killed: true, By: "it never ended"}, false},
		"not compiled": {"FAIL x [build failed]", failed, Verdict{}, true},
		"killed":       {"signal: killed", failed, Verdict{}, true},
	} {
		got, err := judge(c.out, c.err)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
