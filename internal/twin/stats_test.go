package twin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// TestDrawCoversTheLanguage proves that the generator is worth its name: in a
// few hundred cases everything a job can do happens, and not just once.
func TestDrawCoversTheLanguage(t *testing.T) {
	const cases = 400
	seen := map[string]int{}
	gen := rapid.Custom(func(t *rapid.T) *Case { return Draw(t, hashOf) })
	for i := range cases {
		c := gen.Example(i)
		r, err := Run(c.Job, c.Batches(), hashOf)
		if err != nil {
			t.Fatalf("%v\n%v", err, c)
		}
		for what := range features(c, r) {
			seen[what]++
		}
	}
	wanted := strings.Fields(`
		read tag map filter flatmap apply own_weighed own_positive own_repeated own_spread window reduce shuffle union write
		one-label many-labels two-sources branch for-some for-all drop strict tag-rules tag-column tag-values exclusive
		otherwise brings-tags reduce-of-reduce reduce-by-window reduce-without-by first last stddev distinct
		approx_distinct approx_count approx_top approx_moment2 sample-of-values
		broadcast recalled recalled-by-events two-results all-columns-told
		rows no-rows many-batches late left-early columns underscore null NaN
		dead:abnormal_tag dead:inaccurate_tag dead:partial_release dead:late dead:no_event_time dead:strict`)
	for _, w := range wanted {
		if seen[w] < cases/100 {
			t.Errorf("%s: in %d of %d cases", w, seen[w], cases)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%4d %s", seen[k], k)
	}
}

// features names what a case has in it.
func features(c *Case, r *Result) map[string]bool {
	has := map[string]bool{}
	sets := c.Job.Datasets()
	used := map[*rdd.Dataset]int{}
	for _, d := range sets {
		has[d.Op().Kind()] = true
		for _, p := range d.Parents() {
			used[p]++
			has["branch"] = has["branch"] || used[p] > 1
		}
		featuresOf(d, has)
	}
	for _, label := range c.Job.Labels {
		has["label "+label] = true
	}
	has["one-label"], has["many-labels"] = len(c.Job.Labels) == 1, len(c.Job.Labels) > 2
	has["two-sources"], has["many-batches"] = len(c.Inputs) > 1, len(c.Cuts) > 1
	for _, d := range r.Dead {
		has["dead:"+strings.ReplaceAll(d.Reason, " ", "_")] = true
		has["late"] = has["late"] || d.Reason == "late"
	}
	has["no-rows"] = true
	for _, rows := range r.Sinks {
		for _, row := range rows {
			has["no-rows"], has["rows"] = false, true
			has["NaN"] = has["NaN"] || strings.Contains(row.String(), "=NaN")
			for _, v := range row.Values {
				has["null"] = has["null"] || v == nil
			}
		}
	}
	featuresOfResults(c, has)
	// Without its last batch a job gives what left before the end.
	all := c.Batches()
	if early, err := Run(c.Job, all[:len(all)-1], hashOf); err == nil {
		for i, rows := range early.Sinks {
			for _, row := range rows {
				has["left-early"] = has["left-early"] || row.Label == "R"
			}
			has[fmt.Sprint("sinks ", i+1)] = true
		}
	}
	for k, v := range has {
		if !v {
			delete(has, k)
		}
	}
	return has
}

func featuresOf(d *rdd.Dataset, has map[string]bool) {
	var labels rdd.LabelSet
	switch op := d.Op().(type) {
	case rdd.Tag:
		has["tag-rules"] = has["tag-rules"] || op.Rules != nil
		has["tag-column"] = has["tag-column"] || op.Column != ""
		has["tag-values"] = has["tag-values"] || op.Values != nil
		has["exclusive"] = has["exclusive"] || op.Exclusive
		has["otherwise"] = has["otherwise"] || op.Otherwise != 0
		has["brings-tags"] = has["brings-tags"] || op.HashColumn != ""
	case rdd.Map:
		labels = op.For
		has["drop"] = has["drop"] || op.Drop != nil
		for _, a := range op.Set {
			has["strict"] = has["strict"] || strings.Contains(a.Expr, "strict(")
		}
	case rdd.Reduce:
		has["reduce-by-window"] = has["reduce-by-window"] || slices.Contains(op.By, rdd.WindowStart)
		has["reduce-without-by"] = has["reduce-without-by"] || op.By == nil
		for p := d.Parents()[0]; len(p.Parents()) > 0; p = p.Parents()[0] {
			if above, ok := p.Op().(rdd.Reduce); ok && (op.From == 0 || op.From&above.As != 0) {
				has["reduce-of-reduce"] = true
			}
		}
		for _, a := range op.Get {
			f, _, _ := strings.Cut(a.Expr, "(")
			if f == "sample" {
				f = "sample-of-values" // not the operation
			}
			has[f] = true
			has["distinct"] = has["distinct"] || strings.Contains(a.Expr, "distinct")
		}
		labels = op.From
	case rdd.Filter:
		labels = op.For
	case rdd.Broadcast:
		labels = op.For
	case rdd.Apply:
		has[op.Func], labels = true, op.For
	case rdd.Write:
		has["columns"] = has["columns"] || op.Columns != nil
		for _, c := range op.Columns {
			has["underscore"] = has["underscore"] || c[0] == '_'
		}
		return
	default:
		return
	}
	has["for-some"] = has["for-some"] || labels != 0
	has["for-all"] = has["for-all"] || labels == 0
}

// featuresOfResults tells whether what a job reads of itself is ever there: without the
// Broadcasts, or with null in their place, rows are others.
func featuresOfResults(c *Case, has map[string]bool) {
	told := map[string]bool{}
	for _, d := range c.Job.Datasets() {
		if w, ok := d.Op().(rdd.Write); ok && w.Connector == "broadcast" {
			told[fmt.Sprint(w.Options["name"])] = true
			has["all-columns-told"] = has["all-columns-told"] || w.Columns == nil
		}
	}
	has["two-results"] = len(told) > 1
	if len(told) == 0 {
		return
	}
	has["recalled-by-events"] = c.CutsMatter
	with, err := Run(c.Job, c.Batches(), hashOf)
	blind := *c.Job
	blind.Settings.InFlight = 1000
	without, blindly := Run(&blind, c.Batches(), hashOf)
	has["recalled"] = err == nil && blindly == nil && Compare(with, without) != nil
}
