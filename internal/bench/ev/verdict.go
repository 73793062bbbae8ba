package ev

import (
	"fmt"

	"github.com/idag/idag/internal/bench/stat"
)

// recovered is the figure of what weights win back.
const recovered = "staleness_recovered"

// Verdict is an assertion, what the runs say of it, and the numbers by which.
type Verdict struct {
	Claim   string
	Outcome stat.Verdict
	Numbers []string
}

// judge fills in the verdicts on what was measured.
func (r *Result) judge() error {
	for _, m := range r.set.models() {
		for _, one := range []func(string) (*Verdict, error){r.moreTakePart, r.fresherIsBetter, r.worsens} {
			if err := r.add(one(m)); err != nil {
				return err
			}
		}
	}
	for _, one := range []func() (*Verdict, error){r.linearAlone, r.weightsRecover, r.driftMatters, r.poisonSurvived, r.learnedControl} {
		if err := r.add(one()); err != nil {
			return err
		}
	}
	return nil
}

// add adds a verdict, if there is one: what was not measured has none.
func (r *Result) add(v *Verdict, err error) error {
	if v != nil && err == nil {
		r.Verdicts = append(r.Verdicts, *v)
	}
	return err
}

// have gives the values of cells, by seed, and whether all were measured.
func (r *Result) have(names ...string) ([][]float64, bool) {
	var out [][]float64
	for _, n := range names {
		v, ok := r.values[n]
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

// note notes a number.
func (v *Verdict) note(name string, i stat.Interval) {
	v.Numbers = append(v.Numbers, fmt.Sprintf("%s: %v", name, i))
}

func (r *Result) moreTakePart(model string) (*Verdict, error) {
	c, ok := r.have("accuracy_2of4_"+model, "accuracy_3of4_"+model, "accuracy_4of4_"+model)
	if !ok {
		return nil, nil
	}
	v := &Verdict{Claim: "More participants give a better global model (" + model + ")."}
	slope, err := stat.Slope([]float64{2, 3, 4}, c)
	if err != nil {
		return nil, err
	}
	v.Outcome = slope.Above(0)
	v.note("accuracy a participant", slope)
	return v, v.differences(c[2], "four against three", c[1], "four against two", c[0])
}

// differences notes by how much a is more than each of others, which follow their names.
func (v *Verdict) differences(a []float64, others ...any) error {
	for i := 0; i+1 < len(others); i += 2 {
		b, _ := others[i+1].([]float64)
		d, err := stat.Difference(a, b)
		if err != nil {
			return err
		}
		v.note(fmt.Sprint(others[i]), d)
	}
	return nil
}

func staleNames(model string) []string {
	var out []string
	for n := range len(nodes()) + 1 {
		out = append(out, fmt.Sprintf("accuracy_stale_%d_%s", n, model))
	}
	return out
}

func (r *Result) fresherIsBetter(model string) (*Verdict, error) {
	c, ok := r.have(staleNames(model)...)
	if !ok {
		return nil, nil
	}
	v := &Verdict{Claim: "Fresher models give a better global model (" + model + ")."}
	slope, err := stat.Slope([]float64{0, 1, 2, 3, 4}, c)
	if err != nil {
		return nil, err
	}
	v.Outcome = slope.Below(0)
	v.note("accuracy a stale node", slope)
	return v, v.differences(c[0], "none against one stale", c[1], "none against two", c[2], "none against three", c[3], "none against four", c[4])
}

// worsens asks for a slight dip with one stale node, less than a quarter of the loss with
// four, and for a very poor model with four: half of what it is better than always
// saying the more frequent class is gone.
func (r *Result) worsens(model string) (*Verdict, error) {
	c, ok := r.have(staleNames(model)...)
	if !ok || len(r.kept[model]) != len(c[0]) {
		return nil, nil
	}
	dip, poor := make([]float64, len(c[0])), make([]float64, len(c[0]))
	often := 0.0
	for i := range c[0] {
		said := r.kept[model][i].said
		ones := float64(said.TruePositive+said.FalseNegative) / float64(said.Count())
		most := max(ones, 1-ones)
		often += most / float64(len(c[0]))
		dip[i] = 0.25*(c[0][i]-c[4][i]) - (c[0][i] - c[1][i])
		poor[i] = (c[0][i] - c[4][i]) - 0.5*(c[0][i]-most)
	}
	d, err := stat.Mean(dip)
	if err != nil {
		return nil, err
	}
	p, err := stat.Mean(poor)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Claim: "The loss grows from a slight dip with one stale node (less than a quarter of that with four) to a very poor model with four (half of the gain over the more frequent class is gone) (" + model + ").",
		Outcome: stat.All(d.Above(0), p.Above(0))}
	v.note("a quarter of the loss with four, less that with one", d)
	v.note("loss with four, less half of the gain", p)
	v.Numbers = append(v.Numbers, fmt.Sprintf("the more frequent class: %.4f", often))
	return v, nil
}

func (r *Result) linearAlone() (*Verdict, error) {
	c, ok := r.have("accuracy_central_off_linear", "accuracy_central_on_linear")
	if !ok {
		return nil, nil
	}
	d, err := stat.Difference(c[0], c[1])
	if err != nil {
		return nil, err
	}
	v := &Verdict{Claim: "For linear regression aggregation alone beats aggregation plus central training.", Outcome: d.Above(0)}
	v.note("alone against with central training", d)
	if c, ok := r.have("accuracy_central_off_nn", "accuracy_central_on_nn"); ok {
		return v, v.differences(c[0], "the same of the network", c[1])
	}
	return v, nil
}

func (r *Result) weightsRecover() (*Verdict, error) {
	c, ok := r.have("accuracy_stale_0_nn", "accuracy_stale_2_nn", recoveringCell)
	if !ok || len(c[0]) < 3 {
		return nil, nil
	}
	won, lost := make([]float64, len(c[0])), make([]float64, len(c[0]))
	for i := range won {
		won[i], lost[i] = c[2][i]-c[1][i], c[0][i]-c[1][i]
	}
	ratio, replicates, err := stat.Ratio(won, lost)
	if err != nil {
		return nil, err
	}
	for _, v := range replicates {
		r.Samples.Add(recovered, "share", v)
	}
	cost, err := stat.Mean(lost)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Claim: "Weighting by staleness (" + recovering + ") recovers at least half of what two stale nodes cost under the plain mean.", Outcome: ratio.Above(0.5)}
	if cost.Above(0) != stat.Holds { // a share of nothing
		v.Outcome = stat.Undecided
	}
	v.note("recovered share", ratio)
	v.note("cost of two stale nodes", cost)
	return v, v.differences(c[2], "weighted against plain", c[1])
}

func (r *Result) driftMatters() (*Verdict, error) {
	c, ok := r.have("accuracy_stale_0_nn", "accuracy_stale_4_nn", "accuracy_still_stale_0", "accuracy_still_stale_4")
	if !ok {
		return nil, nil
	}
	moved, still := make([]float64, len(c[0])), make([]float64, len(c[0]))
	for i := range moved {
		moved[i], still[i] = c[0][i]-c[1][i], c[2][i]-c[3][i]
	}
	d, err := stat.Difference(moved, still)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Claim: "Where the roads drift, freshness matters more: four stale nodes cost the network more than where nothing drifts.", Outcome: d.Above(0)}
	v.note("cost with drift, less that without", d)
	if err := v.differences(c[0], "cost with drift", c[1]); err != nil {
		return nil, err
	}
	return v, v.differences(c[2], "cost without", c[3])
}

func (r *Result) poisonSurvived() (*Verdict, error) {
	c, ok := r.have("accuracy_poisoned_samples", "accuracy_poisoned_krum", "accuracy_poisoned_median")
	if !ok {
		return nil, nil
	}
	krum, err := stat.Difference(c[1], c[0])
	if err != nil {
		return nil, err
	}
	median, err := stat.Difference(c[2], c[0])
	if err != nil {
		return nil, err
	}
	v := &Verdict{Claim: "Krum and the median survive a poisoned node of four, the mean does not: both are better by a tenth at least.", Outcome: stat.All(krum.Above(0.1), median.Above(0.1))}
	v.note("Krum against the mean", krum)
	v.note("median against the mean", median)
	return v, nil
}

func (r *Result) learnedControl() (*Verdict, error) {
	c, ok := r.have("bytes_control_fixed_1", "bytes_control_learned", "accuracy_control_fixed_1", "accuracy_control_learned")
	if !ok || len(c[0]) < 3 {
		return nil, nil
	}
	share, _, err := stat.Ratio(c[1], c[0])
	if err != nil {
		return nil, err
	}
	d, err := stat.Difference(c[2], c[3])
	if err != nil {
		return nil, err
	}
	v := &Verdict{Claim: "Learned control sends at most two thirds of the bytes of an exchange in every round, and costs at most 0.02 of accuracy.",
		Outcome: stat.All(share.Below(2.0/3), d.Below(0.02))}
	v.note("bytes, as a share", share)
	v.note("accuracy that it costs", d)
	if c, ok := r.have("accuracy_control_learned", "accuracy_control_fixed_2", "bytes_control_fixed_2", "bytes_control_learned"); ok {
		if half, _, err := stat.Ratio(c[3], c[2]); err == nil {
			v.note("bytes against an exchange every second round", half)
		}
		return v, v.differences(c[0], "accuracy against an exchange every second round", c[1])
	}
	return v, nil
}
