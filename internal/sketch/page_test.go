package sketch_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/internal/report"
	. "github.com/idag/idag/internal/sketch"
)

var update = flag.Bool("update", false, "write docs/sketches.md and its chart")

// TestDocs compares docs/sketches.md with what is measured here, or writes it with
// -update. Seeds are fixed, so the numbers are the same each time.
func TestDocs(t *testing.T) {
	var chart strings.Builder
	rows := distinctRows()
	if err := distinctChart(rows).Write(&chart, report.SVG); err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]string{
		"../../docs/sketches.md":  sketchesPage(rows),
		"../../docs/sketches.svg": chart.String(),
	} {
		if *update {
			if err := os.WriteFile(page, []byte(want), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is out of date: make docs-write", page)
		}
	}
}

func sketchesPage(distinct []distinctRow) string {
	var s strings.Builder
	s.WriteString(pageHead)
	s.WriteString("\n## Measured\n\nEach line is 200 seeds over one stream of rows; keys are not hashed before. \"Broken\" is the share of seeds in which the error was larger than promised.\n\n" +
		"| sketch | stream | promised | broken, promised at most | broken, measured | median error | largest error |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, line := range measuredBounds() {
		s.WriteString(line)
	}
	s.WriteString("\nCounting distinct keys, with a standard error of 5 % promised (402 hashes); of 200 seeds the measured one is within 0.5 points of the true with probability 0.95:\n\n| keys | mean error | standard error | largest of 200 |\n| --- | --- | --- | --- |\n")
	for _, r := range distinct {
		fmt.Fprintf(&s, "| %d | %+.2f %% | %.2f %% | %.2f %% |\n", r.keys, 100*r.mean, 100*r.deviation, 100*r.largest)
	}
	s.WriteString("\n![standard error of a distinct count by the number of keys](sketches.svg)\n" + pageSizes() + pageTail)
	return s.String()
}

// What the lines of the page have in common: the probability of their bounds, and the
// rows of a stream.
const (
	pageDelta = 0.1
	pageRows  = 4000
)

// errs are what 200 seeds gave.
type errs struct {
	all    []float64
	broken int
}

func (e *errs) add(err, limit float64) {
	e.all = append(e.all, err)
	if err > limit {
		e.broken++
	}
}

func (e *errs) line(sketch, stream, promised string) string {
	slices.Sort(e.all)
	n := len(e.all)
	return fmt.Sprintf("| %s | %s | %s | %.3f | %.3f | %.4f | %.4f |\n", sketch, stream, promised, pageDelta, float64(e.broken)/float64(n), e.all[n/2], e.all[n-1])
}

func measuredBounds() []string {
	const trials, n, delta = 200, pageRows, pageDelta
	var counts4, moments, joins, heavies []string
	for _, s := range Streams() {
		keys := s.Draw(rand.New(rand.NewPCG(1, 2)), n)
		other := s.Draw(rand.New(rand.NewPCG(3, 4)), n)
		truth, theirs := Counts(keys), Counts(other)
		square, squares, product := 0.0, 0.0, 0.0
		for k, c := range truth {
			square += float64(c * c)
			product += float64(c * theirs[k])
		}
		for _, c := range theirs {
			squares += float64(c * c)
		}
		var cm, f2, join, heavy errs
		for seed := range uint64(trials) {
			c := Must(NewCountMin(0.02, delta, seed))
			a := Must(NewMoment(0.25, delta, seed))
			b := a.Fresh()
			h := Must(NewHeavy(0.02, 0.01, delta, seed))
			for i, k := range keys {
				c.Add(k, 1)
				a.Add(k, 1)
				b.Add(other[i], 1)
				h.Add(k, uint64(i))
			}
			k := keys[int(seed)%n]
			cm.add(float64(c.Count(k)-truth[k])/n, 0.02)
			f2.add(math.Abs(a.Estimate()-square)/square, 0.25)
			join.add(math.Abs(Must(a.Product(b))-product)/math.Sqrt(square*squares), 0.25)
			heavy.add(missed(h, truth), 0)
		}
		counts4 = append(counts4, cm.line("count-min", s.Called(), "+0.02 of all rows"))
		moments = append(moments, f2.line("second moment", s.Called(), "±0.25 of it"))
		joins = append(joins, join.line("join size", s.Called(), "±0.25 √(F₂ F₂)"))
		heavies = append(heavies, heavy.line("heavy keys", s.Called(), "none above 0.02 missed"))
	}
	return slices.Concat(counts4, moments, joins, heavies)
}

// missed is the share of the keys of 0.02 of all rows that were not found.
func missed(h *Heavy, truth map[uint64]uint64) float64 {
	found := map[uint64]bool{}
	for _, it := range h.Items() {
		found[it.Key] = true
	}
	wanted, gone := 0.0, 0.0
	for k, c := range truth {
		if c >= pageRows/50 {
			wanted++
			if !found[k] {
				gone++
			}
		}
	}
	return gone / max(wanted, 1)
}

// distinctRow is the relative error of a distinct count of so many keys.
type distinctRow struct {
	keys                     int
	mean, deviation, largest float64
}

func distinctRows() []distinctRow {
	const trials = 200
	var out []distinctRow
	for _, n := range []int{100, 401, 500, 1000, 3000, 10_000, 100_000} {
		r := distinctRow{keys: n}
		for seed := range uint64(trials) {
			d := Must(NewDistinct(0.05, seed))
			for i := range n {
				d.Add(uint64(i))
			}
			e := float64(d.Count())/float64(n) - 1
			r.mean += e / trials
			r.deviation += e * e / trials
			r.largest = max(r.largest, math.Abs(e))
		}
		r.deviation = math.Sqrt(r.deviation)
		out = append(out, r)
	}
	return out
}

func distinctChart(rows []distinctRow) report.Chart {
	measured, promised := report.Series{Name: "measured"}, report.Series{Name: "promised"}
	for _, r := range rows {
		x := math.Log10(float64(r.keys))
		measured.X, measured.Y = append(measured.X, x), append(measured.Y, math.Round(1e4*r.deviation)/100)
		promised.X, promised.Y = append(promised.X, x), append(promised.Y, 5)
	}
	return report.Chart{Title: "Standard error of a distinct count", X: "keys, power of ten", Y: "%", Series: []report.Series{measured, promised}}
}

// pageSizes are the sizes of the sketches that aggregates use.
func pageSizes() string {
	var s strings.Builder
	s.WriteString("\n## Sizes\n\nOf what the aggregates use where no error is given: in memory and, as partial states and checkpoints have it, written, after so many rows of different bigints.\n\n" +
		"| aggregate | 10 rows | 1,000 rows | 100,000 rows |\n| --- | --- | --- | --- |\n")
	size := func(name string, add func(i uint64), bytes func() int64, write func([]byte) ([]byte, error)) {
		fmt.Fprintf(&s, "| `%s` |", name)
		for i := range uint64(100_000) {
			add(i)
			if n := i + 1; n == 10 || n == 1000 || n == 100_000 {
				fmt.Fprintf(&s, " %d B, written %d B |", bytes(), len(Must(write(nil))))
			}
		}
		s.WriteString("\n")
	}
	d := Must(NewDistinct(0.05, 1))
	size("approx_distinct(x)", d.Add, d.Bytes, d.AppendBinary)
	c := Must(NewCountMin(0.01, 0.01, 1))
	size("approx_count(x, v)", func(i uint64) { c.Add(i, 1) }, c.Bytes, c.AppendBinary)
	value := make([]byte, 9)
	h := Must(NewHeavy(0.01, 0.01, 0.01, 1))
	size("approx_top(x, 10)", func(i uint64) {
		if h.Add(i, i) {
			h.Name(i, value)
		}
	}, h.Bytes, h.AppendBinary)
	m := Must(NewMoment(0.1, 0.01, 1))
	size("approx_moment2(x)", func(i uint64) { m.Add(i, 1) }, m.Bytes, m.AppendBinary)
	r := Must(NewSample(100, 1))
	size("sample(x, 100)", func(i uint64) { r.Add(i, value) }, r.Bytes, r.AppendBinary)
	return s.String()
}

const pageHead = `# Sketches

Aggregates whose state stays small however many rows a group has, for an error that is proven. Each comes to the same bits in every plan, on any number of executors and however
rows were cut into batches: a sketch is a function of the multiset of rows alone, so partial states merge in any order. While a group has few values all of them are counted
exactly. The code is ` + "`internal/sketch`; `joins` finds hot keys by the same sketches" + `.

| in ` + "`reduce`" + ` | gives | error if none is given | Spark | DuckDB | Druid |
| --- | --- | --- | --- | --- | --- |
| ` + "`approx_distinct(x[, error])`, also `approx_count_distinct`" + ` | bigint: about how many different values | standard error 0.05 of the count | ` + "`approx_count_distinct(x, rsd)` | `approx_count_distinct(x)` | `APPROX_COUNT_DISTINCT(x)`" + ` |
| ` + "`approx_top(x, k[, error])`, also `approx_top_k`" + ` | array of struct(value, count): the k values that most rows have | 0.01 of the values | ` + "`approx_top_k(x, k)` | `approx_top_k(x, k)`" + `, without counts | topN query |
| ` + "`approx_count(x, v[, error])`" + ` | bigint: about how many rows have the value v, a constant | +0.01 of the values, never too few | ` + "`count_min_sketch(x, eps, confidence, seed)`" + `, then its estimate | | |
| ` + "`approx_moment2(x[, error])`" + ` | double: the sum of the squares of how often each value is there; of a key, how many rows joining with itself makes | ±0.1 of it | | | |
| ` + "`sample(x, k)`" + ` | array: k values drawn without return | none: each with probability k/t | | ` + "`USING SAMPLE reservoir(k)`" + ` | |

Nulls are passed over. A group without a value counts 0; its top and its sample are null. x is of any type. k, v and the error are constants. Bounds hold with probability 0.99 for each
result, over the choice of hash functions; these are fixed, so whoever knows them can make values that collide.
` + "`count(CASE WHEN x = v THEN 1 END)` counts one value exactly, in less space than `approx_count`" + `: that one is for comparing estimates.

- approx_top finds every value of at least the share ` + "`error`" + ` of the group's values, and counts it at most that share too high. Candidates are the values of the rows with the smallest ranks, not those that lead
  while rows come: which lead depends on the order. Equal counts go by the value's hash.
- approx_top and sample draw a row by the hash of its place: source, partition, sequence and the ordinal among the rows made of one event. Rows that are groups have none; they are drawn by the hash of
  their columns, all of them, so that rows alike in every column are drawn together.

## What is proven

| sketch | size | bound | from |
| --- | --- | --- | --- |
| count-min | ⌈2/ε⌉ by ⌈log₂ 1/δ⌉ counters | count ≤ estimate ≤ count + ε × rows, with probability 1-δ | Cormode and Muthukrishnan 2005 |
| AMS second moment | ⌈16/ε²⌉ by ⌈(32/9) ln 2/δ⌉ numbers | within ε of F₂, with probability 1-δ; the size of a join within ε √(F₂ F₂) | Alon, Matias and Szegedy 1996; buckets: Thorup and Zhang 2004 |
| distinct count | ⌈1/ε²⌉+2 hashes | no bias, standard error below ε; exact below that many | Bar-Yossef et al. 2002; Beyer et al. 2007 |
| sample | k rows | each set of k rows is as likely as any other: P = k/t | bottom-k of random ranks |
| heavy keys | (1/φ) ln 1/(φδ) keys and a count-min sketch | none of a share above φ is missed, with probability 1-δ | (1-φ)^k ≤ φδ, summed over 1/φ keys |
`

const pageTail = `
## What it costs

` + "`go test ./internal/kernel/agg -run xxx -bench Sketches`" + ` puts rows of Zipf-distributed bigints into groups that are drawn evenly, and ` + "`go test ./internal/sketch -run xxx -bench Add`" + ` into one sketch.

- A count-min sketch, and an approx_top past its exact form, hash every row once a row of the sketch; a second moment 19 times, by cubic polynomials: it is the slowest by far.
- HyperLogLog would take an eighth of the bytes of approx_distinct for the same error. Its error is proven for large counts only, and it needs another form for small ones.
`
