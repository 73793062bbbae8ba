package bypass

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/report"
)

// Page is what a report says beside the result.
type Page struct {
	Machine, Version string
	Date             string            // when it was measured
	Settings         map[string]string // of the measurement
}

// Write writes a report into a directory: index.md with a table of every
// experiment, and each chart as NAME.svg and NAME.png. Files of those names are
// replaced, others are left alone.
func Write(dir string, r Result, set Settings, p Page) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.New(fault.Invalid, "report: %w", err)
	}
	for _, c := range r.Charts {
		for _, as := range []report.Format{report.SVG, report.PNG} {
			var b bytes.Buffer
			if err := c.Write(&b, as); err != nil {
				return err
			}
			if err := put(dir, c.Name+"."+string(as), b.Bytes()); err != nil {
				return err
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The evaluation of the bypasses\n\n%s. idag %s, %s.\n", p.Machine, p.Version, p.Date)
	for _, name := range sorted(p.Settings) {
		fmt.Fprintf(&b, "%s: %s.\n", name, p.Settings[name])
	}
	b.WriteString("\n" + method + "\n")
	for _, x := range set.chosen() {
		section(&b, x, r, &set)
	}
	return put(dir, "index.md", []byte(b.String()))
}

// method is how all figures are made.
const method = `Every ratio comes from runs that alternate within one call, in another order each round, after one round that warms up. A figure is the median of its rounds, with
the smallest and the largest. The results of all runs that are compared have one checksum, or the measurement fails. "The linear plan" is the faster of its
forms masked and selection; staged is given beside it. Charts are there as PNG as well.`

// section writes one experiment.
func section(b *strings.Builder, x experiment, r Result, set *Settings) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", x.title, x.doc)
	for _, f := range r.Facts[x.name] {
		fmt.Fprintf(b, "\n%s.\n", f)
	}
	b.WriteString(Table(r.Samples, x.figures(set)))
	for _, c := range r.Charts {
		if c.Experiment == x.name {
			fmt.Fprintf(b, "\n![%s](%s.svg)\n", c.Title, c.Name)
		}
	}
}

// Table is the figures that there are, of those explained, as a table in
// Markdown.
func Table(s bench.Samples, figures [][2]string) string {
	var b strings.Builder
	for _, x := range figures {
		f, ok := s.Figure(x[0])
		if !ok {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\n| figure | median | min to max | runs | |\n| --- | --- | --- | --- | --- |\n")
		}
		unit := ""
		if f.Unit != "" && f.Unit != "ratio" {
			unit = " " + f.Unit
		}
		fmt.Fprintf(&b, "| `%s` | %s%s | %s to %s | %d | %s |\n", x[0], digits(f.Median), unit, digits(f.Min), digits(f.Max), f.N, x[1])
	}
	return b.String()
}

// digits spells a figure with three digits that count, whole numbers as they are.
func digits(v float64) string {
	if v == float64(int64(v)) || v >= 1000 || v <= -1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	var out []K
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// put writes a file as a whole.
func put(dir, name string, text []byte) error {
	tmp := filepath.Join(dir, "."+name+".tmp")
	if err := os.WriteFile(tmp, text, 0o644); err != nil {
		return fault.New(fault.Invalid, "report: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return fault.New(fault.Invalid, "report: %w", err)
	}
	return nil
}
