package mutants

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestMutantsApply: every mutant is of code that is there, and changes it; the tests
// that are to find it are there, too.
func TestMutantsApply(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range List() {
		if seen[m.Name] || m.Broken == "" || m.Proof == "" || m.Old == m.New || strings.Contains(m.Name+m.Broken, "|") {
			t.Errorf("%q needs a name of its own, what it breaks, and a change", m.Name)
		}
		seen[m.Name] = true
		if _, err := m.Apply(root(t)); err != nil {
			t.Error(err)
		}
		if _, err := m.digest(root(t)); err != nil {
			t.Error(err)
		}
	}
}

// rounds are how many random cases a mutant is looked for with: a few, and in the end as
// many as the checks of the whole project draw.
func rounds() []int { return []int{20, 200, 2000} }

// TestMutants: the property tests find every mutant that is chosen, and nothing is
// found where nothing is broken. Its verdicts go to docs/mutants.md as they come.
func TestMutants(t *testing.T) {
	pattern := os.Getenv("IDAG_MUTANTS")
	if pattern == "" {
		t.Skip("it runs the property tests many times: make mutants")
	}
	path := filepath.Join(root(t), "docs", "mutants.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page, list := ParsePage(string(text)), List()
	chosen, err := page.Chosen(list, pattern, root(t))
	if err != nil {
		t.Fatal(err)
	}
	sound(t, chosen, len(chosen) == len(list))
	for _, m := range chosen {
		began := time.Now()
		v, err := m.Try(t.Context(), root(t), t.TempDir(), rounds())
		if v.Day = began.Format(time.DateOnly); err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if !v.Killed {
			t.Errorf("%s survived: %s, and no test found it", m.Name, m.Broken)
		}
		t.Logf("%-40s %s after %d in %.0f s: %s", m.Name, v.By, v.Cases, time.Since(began).Seconds(), v.said)
		page[m.Name] = v
		if err := os.WriteFile(path, []byte(page.Format(list)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sound sees to it that the properties that are to find mutants hold where nothing is
// broken: over as many cases if all mutants are run, else over a few.
func sound(t *testing.T, chosen []Mutant, all bool) {
	t.Helper()
	if len(chosen) == 0 {
		return
	}
	of := rounds()[:1]
	if all {
		of = rounds()
	}
	m := chosen[0]
	m.New, m.By = m.Old, nil
	for _, c := range chosen {
		for _, p := range c.properties() {
			if !slices.Contains(m.By, p) {
				m.By = append(m.By, p)
			}
		}
	}
	if v, err := m.Try(t.Context(), root(t), t.TempDir(), of); err != nil || v.Killed {
		t.Fatalf("nothing is broken, and %s says: %s (%v)", v.By, v.said, err)
	}
}

// TestPage: docs/mutants.md has a row for each mutant, and is read as it was written.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "mutants.md"))
	if err != nil {
		t.Fatal(err)
	}
	if page := ParsePage(string(text)); page.Format(List()) != string(text) {
		t.Error("docs/mutants.md is not what is written of the mutants: run those that are new, make mutants MUTANTS=stale")
	}
	list := List()[:4]
	page := Page{
		list[0].Name: {Killed: true, By: "TestInvariant", Cases: 17, Tests: "00c0ffee", Day: "2026-11-22"},
		list[1].Name: {Cases: 2000, Tests: "12345678", Day: "2026-11-21"},
		list[2].Name: {Killed: true, By: "TestCachedRuns", Cases: -1, Tests: "00c0ffee", Day: "2026-11-22"},
	}
	if got := ParsePage(page.Format(list)); !maps.Equal(got, page) {
		t.Errorf("read %v, want %v", got, page)
	}
}

// TestChosen: mutants are chosen by their names, or because other tests than those of
// today judged them.
func TestChosen(t *testing.T) {
	list := List()
	page := Page{}
	for _, m := range list {
		now, err := m.digest(root(t))
		if err != nil {
			t.Fatal(err)
		}
		page[m.Name] = Verdict{Tests: now}
	}
	page[list[1].Name] = Verdict{Tests: "00000000"}
	delete(page, list[2].Name)
	for pattern, want := range map[string]string{
		"stale":       list[1].Name + ", " + list[2].Name,
		"^nan is a n": "NaN is a number like others",
		"no such":     "",
	} {
		got, err := page.Chosen(list[:13], pattern, root(t))
		var names []string
		for _, m := range got {
			names = append(names, m.Name)
		}
		if strings.Join(names, ", ") != want || err != nil {
			t.Errorf("%s chose %q, want %s (%v)", pattern, names, want, err)
		}
	}
	if _, err := page.Chosen(list, "(", root(t)); err == nil {
		t.Error("a pattern that is none chose mutants")
	}
}

// TestJudge: a failure of no test is no verdict.
func TestJudge(t *testing.T) {
	failed := fmt.Errorf("exit status 1")
	for name, c := range map[string]struct {
		out  string
		err  error
		want Verdict
		bad  bool
	}{
		"passed":      {"ok", nil, Verdict{}, false},
		"failed":      {"--- FAIL: TestInvariant (0.1s)\n", failed, Verdict{Killed: true, By: "TestInvariant", Cases: -1}, false},
		"by a job":    {"--- FAIL: TestInvariant (0.1s)\n    engine.go:313: [rapid] failed after 17 tests: rows\n", failed, Verdict{Killed: true, By: "TestInvariant", Cases: 17, said: "rows"}, false},
		"a panic":     {"panic: no\n\ngoroutine 1", failed, Verdict{Killed: true, By: "TestInvariant", Cases: -1, said: "a panic"}, false},
		"never ended": {"panic: test timed out after 3m0s", failed, Verdict{Killed: true, By: "TestInvariant", Cases: -1, said: "it never ended"}, false},
		"another one": {"--- FAIL: TestInvariantUnderFaults (0.1s)\n", failed, Verdict{}, true},
		"killed":      {"signal: killed", failed, Verdict{}, true},
	} {
		got, err := judge("TestInvariant", c.out, c.err)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
