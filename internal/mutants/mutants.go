package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Mutant is one thing broken.
type Mutant struct {
	Name   string // of a few words, its own
	Proof  string // what is broken: a reason for a bypass, or what all of them stand on
	File   string // in the module
	Old    string // stands in the file once
	New    string
	Broken string // what is no longer checked, for people
}

// Verdict is what the tests said to a mutant.
type Verdict struct {
	Killed bool
	By     string // the first test that failed
	Said   string // the line of it that says why
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

// Run runs the tests that match run in a package of the module, with so many random
// jobs for each property, against the mutant. Work is a directory to write to. A
// mutant that does not compile is an error.
func (m Mutant) Run(ctx context.Context, root, work, pkg, run string, checks int) (Verdict, error) {
	text, err := m.Apply(root)
	if err != nil {
		return Verdict{}, err
	}
	changed, overlay := filepath.Join(work, "mutant.go"), filepath.Join(work, "overlay.json")
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return Verdict{}, err
	}
	replace := map[string]map[string]string{"Replace": {filepath.Join(root, m.File): changed}}
	spelled, err := json.Marshal(replace)
	if err != nil {
		return Verdict{}, err
	}
	if err := os.WriteFile(overlay, spelled, 0o600); err != nil {
		return Verdict{}, err
	}
	// A mutant may well never come to an end: that, too, is found.
	c := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-timeout=40m", "-overlay", overlay, "-run", run, pkg,
		"-args", fmt.Sprint("-rapid.checks=", checks), "-rapid.nofailfile", "-rapid.shrinktime=1s")
	c.Dir = root
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return Verdict{}, ctx.Err()
	}
	return judge(string(out), err)
}

// judge reads what go test printed.
func judge(out string, err error) (Verdict, error) {
	switch {
	case err == nil:
		return Verdict{}, nil
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return Verdict{}, fmt.Errorf("it does not compile: %s", out)
	}
	by := regexp.MustCompile(`(?m)^\s*--- FAIL: (\w+)`).FindStringSubmatch(out)
	if by == nil {
		if strings.Contains(out, "panic: test timed out") {
			return Verdict{Killed: true, By: "it never ended"}, nil
		}
		return Verdict{}, fmt.Errorf("no test failed, and yet: %w\n%s", err, out)
	}
	why := regexp.MustCompile(`(?m)^\s*\w+_test\.go:\d+: (.*(?:failed after|got|want|panic|checksum).*)$`).FindStringSubmatch(out)
	v := Verdict{Killed: true, By: by[1]}
	if why != nil {
		v.Said = why[1]
	}
	return v, nil
}
