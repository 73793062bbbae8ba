package bypass

import (
	"fmt"
	"strings"

	"github.com/idag/idag/internal/bench"
)

// mostOps bounds the maps of a label: a plan has room for so many operations.
const mostOps = 64

// A job of chains has n maps for each label, x*a + b in turn over one column of
// its events, and sums and counts the result by feeder: as simple as jobs are,
// so that what differs is how many operations a label meets.
const chainHead = `
job: chains
labels: [error, backup, information, error_sums, backup_sums, information_sums]
vars: {path: "", out: ""}
datasets:
  events:
    - read: {parquet: "${path}"}
    - tag: {column: kind, identity: [meter, ts], time: ts}
`

// chainLabels are the labels of events, each with the column of its chain.
func chainLabels() [3][2]string {
	return [3][2]string{{"error", "wh"}, {"backup", "back"}, {"information", "mv"}}
}

// factor and term of map i of a chain: numbers that keep values in bounds and
// that no arithmetic rounds away.
func factor(i int) float64 { return 0.5 + float64(i%4)/8 }
func term(i int) float64   { return float64(1 + i%7) }

// chainMaps are the maps of a job of chains, from the first up to a number of
// each label, as steps of a job file.
func chainMaps(from, to int) string {
	var b strings.Builder
	for _, l := range chainLabels() {
		for i := from; i < to; i++ {
			in := "x"
			if i == 0 {
				in = l[1]
			}
			fmt.Fprintf(&b, "    - map: {for: %s, set: {x: %s * %v + %v}}\n", l[0], in, factor(i), term(i))
		}
	}
	return b.String()
}

// chainSums are the outputs of a job of chains.
func chainSums() string {
	var b strings.Builder
	for _, l := range chainLabels() {
		fmt.Fprintf(&b, "  %[1]s_sums:\n    - from: events\n    - reduce: {from: %[1]s, by: feeder, get: {x: sum(x), n: count()}}\n    - write: {parquet: \"${out}/%[1]s\"}\n", l[0])
	}
	return b.String()
}

// chainJob is a job of chains with n maps a label.
func chainJob(n int) job { return job{text: chainHead + chainMaps(0, n) + chainSums()} }

// chains are the same for the ideal.
func chains(n int) []bench.Chain {
	var out []bench.Chain
	for _, l := range chainLabels() {
		c := bench.Chain{Label: l[0], Column: l[1]}
		for i := range n {
			c.Mul, c.Add = append(c.Mul, factor(i)), append(c.Add, term(i))
		}
		out = append(out, c)
	}
	return out
}

// few is the rounds of comparisons that are made at many points: half of the
// others, rounded up.
func (s *Settings) few() int { return (s.Runs + 1) / 2 }

// grid calls f for each mix and number of operations.
func (s *Settings) grid(f func(mix string, ops int) error) error {
	for _, mix := range s.Mixes {
		for _, ops := range s.Ops {
			if err := f(mix, ops); err != nil {
				return err
			}
		}
	}
	return nil
}

// point is what figures of a mix and a number of operations are called by:
// _40_30_30_ops8.
func point(mix string, ops int) string { return fmt.Sprintf("%s_ops%d", suffix(mix), ops) }
