package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Mutant is one thing broken.
type Mutant struct {
	Name   string // of a few words, its own
	Proof  string // what is broken: a reason for a bypass, or what all of them stand on
	File   string // in the module
	Old    string // stands in the file once
	New    string
	Broken string     // what is no longer checked, for people
	By     []Property // that are to find it: those of the whole engine if none are named
}

// Property is a test over random cases.
type Property struct {
	Pkg  string // by its folder in the module
	Test string
	// Share says that it is held to one case where others are held to so many.
	Share int
}

// Properties are those that the whole engine is held to.
func Properties() []Property {
	const engine = "internal/engine"
	return []Property{{engine, "TestInvariant", 1}, {engine, "TestCachedRuns", 1}, {engine, "TestHalfProcessed", 1}, {engine, "TestInvariantUnderFaults", 10}}
}

// Verdict is what the tests said to a mutant, and which state of them did.
type Verdict struct {
	Killed bool
	By     string // the test that failed
	Cases  int    // that it passed before, less than 0 if that is not known; of one that survived, that it passed
	Tests  string // their digest
	Day    string // on which they said so
	said   string // the line of the one that failed that says why
}

// Apply returns the mutant's file as it is changed. Old that does not stand in
// the file exactly once is an error: the code has moved on, and so must the
// mutant.
func (m Mutant) Apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("%s: %q stands in %s %d times, not once", m.Name, m.Old, m.File, n)
	}
	return bytes.Replace(text, []byte(m.Old), []byte(m.New), 1), nil
}

// properties are those that are to find the mutant.
func (m Mutant) properties() []Property {
	if len(m.By) > 0 {
		return m.By
	}
	return Properties()
}

// Try holds the mutant to the properties that are to find it, over so many random
// cases each, one round after another until one of them fails. Root is the module, work
// a directory to write to. A mutant that does not compile is an error.
func (m Mutant) Try(ctx context.Context, root, work string, rounds []int) (v Verdict, err error) {
	tests, err := m.digest(root)
	if err != nil {
		return v, err
	}
	defer func() { v.Tests = tests }()
	built := map[string]string{}
	for _, p := range m.properties() {
		if built[p.Pkg] == "" {
			if built[p.Pkg], err = m.build(ctx, root, work, p.Pkg, len(built)); err != nil {
				return v, err
			}
		}
	}
	for _, cases := range rounds {
		for _, p := range m.properties() {
			// The fewest do not come to all that a hostile fleet does.
			if p.Share > 1 && cases/p.Share < 200 {
				continue
			}
			v, err = p.run(ctx, built[p.Pkg], filepath.Join(root, p.Pkg), cases/max(p.Share, 1))
			if err != nil || v.Killed {
				return v, err
			}
		}
		v.Cases = cases
	}
	return v, nil
}

// build makes the tests of a package with the mutant in it.
func (m Mutant) build(ctx context.Context, root, work, pkg string, n int) (string, error) {
	text, err := m.Apply(root)
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(work, "mutant"+filepath.Ext(m.File)), filepath.Join(work, "overlay.json")
	spelled, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.File): changed}})
	if err := errors.Join(err, os.WriteFile(changed, text, 0o600), os.WriteFile(overlay, spelled, 0o600)); err != nil {
		return "", err
	}
	tests := filepath.Join(work, strconv.Itoa(n)+".test")
	c := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", tests, "./"+pkg)
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	return tests, nil
}

// run runs the property over so many cases.
func (p Property) run(ctx context.Context, tests, dir string, cases int) (Verdict, error) {
	// A mutant may well never come to an end: that, too, is found.
	c := exec.CommandContext(ctx, tests, "-test.run", "^"+p.Test+"$", "-test.timeout=20m",
		fmt.Sprint("-rapid.checks=", cases), "-rapid.nofailfile", "-rapid.shrinktime=1s")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	return judge(p.Test, string(out), err)
}

// judge reads what a test printed.
func judge(test, out string, err error) (Verdict, error) {
	v := Verdict{Killed: true, By: test, Cases: -1}
	switch {
	case err == nil:
		return Verdict{}, nil
	case strings.Contains(out, "panic: test timed out"):
		v.said = "it never ended"
		return v, nil
	case !regexp.MustCompile(`(?m)^\s*--- FAIL: ` + test + `\b`).MatchString(out):
		if !strings.Contains(out, "\npanic: ") && !strings.HasPrefix(out, "panic: ") {
			return Verdict{}, fmt.Errorf("%s did not fail, and yet: %w\n%s", test, err, out)
		}
		v.said = "a panic"
		return v, nil
	}
	if passed := regexp.MustCompile(`\[rapid\] (?:failed|panic) after (\d+) tests: (.*)`).FindStringSubmatch(out); passed != nil {
		v.Cases, _ = strconv.Atoi(passed[1])
		v.said = passed[2]
	}
	return v, nil
}
