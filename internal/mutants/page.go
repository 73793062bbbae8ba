package mutants

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Page is docs/mutants.md: the verdicts by the names of the mutants. Those that were
// never come to are not there.
type Page map[string]Verdict

// Format writes the page, with a row for each mutant of list.
func (p Page) Format(list []Mutant) string {
	var s strings.Builder
	s.WriteString(`# Mutants

Bypass must be provably right. Here is what happens when a proof is broken on purpose: one place of the code is changed at a time, and the property tests run over random jobs against an
interpreter that knows no bypass. A mutant that they do not find would be a proof that no test holds. ` + "`make mutants`" + ` runs them all and writes this page; ` + "`make mutants MUTANTS='NaN|cached'`" + `
runs those whose name matches, ` + "`MUTANTS=stale`" + ` those whose verdict is not of the tests as they are now, and the verdicts of the others stay.

What found a mutant is the first of the tests to fail, of 20 jobs each, then of 200, then of 2,000, always the same ones; the jobs are those that this test had passed before. A verdict is of
the state of the tests whose digest stands beside it, and of the day on which they ran: where the digests differ, the tests have changed in between.

| proof | mutant | what is broken | found by | after jobs | tests | day |
| --- | --- | --- | --- | --- | --- | --- |
`)
	for _, m := range list {
		v, known := p[m.Name]
		by, after := v.By, strconv.Itoa(v.Cases)
		switch {
		case !known:
			by, after = notRun, ""
		case !v.Killed:
			by = survived
		case v.Cases < 0:
			after = "" // nobody wrote it down
		}
		fmt.Fprintf(&s, "| %s | %s | %s (`%s`) | %s | %s | %s | %s |\n", m.Proof, m.Name, m.Broken, m.File, by, after, v.Tests, v.Day)
	}
	return s.String()
}

const (
	survived = "**survived**"
	notRun   = "not run"
)

// ParsePage reads a page that Format wrote.
func ParsePage(text string) Page {
	row := regexp.MustCompile(`(?m)^\| [^|]* \| ([^|]*) \| [^|]* \| ([^|]*) \| ([0-9]*) \| ([0-9a-f]{8}) \| ([0-9-]*) \|$`)
	p, err := Page{}, error(nil)
	for _, c := range row.FindAllStringSubmatch(text, -1) {
		v := Verdict{Killed: c[2] != survived, By: c[2], Tests: c[4], Day: c[5]}
		if !v.Killed {
			v.By = ""
		}
		if v.Cases, err = strconv.Atoi(c[3]); err != nil {
			v.Cases = -1
		}
		p[c[1]] = v
	}
	return p
}

// Chosen are the mutants that a pattern of names chooses: a regular expression, or
// "stale", those without a verdict of the tests as they are.
func (p Page) Chosen(list []Mutant, pattern, root string) (out []Mutant, err error) {
	choose, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		is := choose.MatchString(m.Name)
		if pattern == "stale" {
			now, err := m.digest(root)
			if err != nil {
				return nil, err
			}
			is = p[m.Name].Tests != now
		}
		if is {
			out = append(out, m)
		}
	}
	return out, nil
}

// digest is of the state of the tests that are to find the mutant: where they stand, and
// what draws and interprets the jobs of the engine.
func (m Mutant) digest(root string) (string, error) {
	sum := sha256.New()
	add := func(glob, holds string) error {
		files, err := filepath.Glob(filepath.Join(root, glob))
		if err != nil {
			return err
		}
		found := false
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if strings.Contains(string(text), holds) {
				found = true
				_, _ = fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(f), len(text), text)
			}
		}
		if !found {
			return fmt.Errorf("%s: no tests for it in %s", m.Name, glob)
		}
		return nil
	}
	for _, p := range m.properties() {
		if err := add(p.Pkg+"/*_test.go", "\nfunc "+p.Test+"(t *testing.T)"); err != nil {
			return "", err
		}
	}
	if m.properties()[0].Pkg == "internal/engine" {
		if err := add("internal/twin/*.go", ""); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:4]), nil
}
