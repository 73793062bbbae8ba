package fed

import (
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/exact"
)

// Tally is an aggregate of models under way.
type Tally struct {
	method  Method
	width   int
	version int64 // of the global model: staleness counts from it
	count   int64

	// Of means:
	total exact.Sum   // of the weights
	sums  []exact.Sum // of weight times parameter

	// Of what keeps all vectors:
	nodes []string
	kept  []float64 // one after the other
}

// maxWidth bounds the parameters of a model.
const maxWidth = 1 << 24

// Tally makes an aggregate of models with so many parameters, for a global model of
// a version.
func (m Method) Tally(width int, version int64) (*Tally, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if width < 1 || width > maxWidth {
		return nil, fault.New(fault.Invalid, "models of %d parameters, expected 1 to %d", width, maxWidth)
	}
	t := &Tally{method: m, width: width, version: version}
	if !m.keeps() {
		t.sums = make([]exact.Sum, width)
	}
	return t, nil
}

// Reset empties a tally for the models of another version.
func (t *Tally) Reset(version int64) {
	t.version, t.count, t.total = version, 0, exact.Sum{}
	clear(t.sums)
	clear(t.nodes)
	t.nodes, t.kept = t.nodes[:0], t.kept[:0]
}

// Count is the number of models.
func (t *Tally) Count() int { return int(t.count) }

// Add takes in a model, or refuses it. It does not look for nodes that come twice:
// a [Round] does.
func (t *Tally) Add(u Update) error {
	if u.Version > t.version {
		return refuse(u, WrongVersion, "it began with version %d, the newest is %d", u.Version, t.version)
	}
	if err := u.check(t.width); err != nil {
		return err
	}
	t.count++
	if t.method.keeps() {
		t.nodes = append(t.nodes, u.Node)
		t.kept = append(t.kept, u.Params...)
		return nil
	}
	w := t.method.weight(u, t.version-u.Version)
	t.total.Add(w)
	if w == 1 {
		for i, p := range u.Params {
			t.sums[i].Add(p)
		}
		return nil
	}
	for i, p := range u.Params {
		t.sums[i].AddProduct(w, p)
	}
	return nil
}

// Merge takes in what o has; o stays as it is.
func (t *Tally) Merge(o *Tally) error {
	if t.method != o.method || t.width != o.width || t.version != o.version {
		return fault.New(fault.Invalid, "a tally by %s of %d parameters at version %d merged with one by %s of %d at version %d",
			t.method.By, t.width, t.version, o.method.By, o.width, o.version)
	}
	t.count += o.count
	t.nodes, t.kept = append(t.nodes, o.nodes...), append(t.kept, o.kept...)
	t.total.Merge(&o.total)
	for i := range t.sums {
		t.sums[i].Merge(&o.sums[i])
	}
	return nil
}

// Result writes the aggregate. Without models, with weights that are all 0, or with
// too few for Krum there is none, which is Invalid.
func (t *Tally) Result(out []float64) error {
	if len(out) != t.width {
		return fault.New(fault.Invalid, "%d parameters for a result of %d", len(out), t.width)
	}
	if t.count == 0 {
		return fault.New(fault.Invalid, "no models to aggregate")
	}
	switch t.method.By {
	case "median", "trimmed":
		t.byParameter(out)
		return nil
	case "krum":
		return t.krum(out)
	}
	by := t.total
	if t.method.By == "buffered" {
		by = exact.Sum{}
		by.Add(float64(t.count))
	}
	if !(by.Float() > 0) {
		return fault.New(fault.Invalid, "the weights of all %d models are 0", t.count)
	}
	for i := range out {
		out[i] = t.sums[i].Over(&by)
	}
	return nil
}

// row returns the vector of the i-th model kept.
func (t *Tally) row(i int) []float64 { return t.kept[i*t.width : (i+1)*t.width] }

// order returns the models kept by the names of their nodes, then by parameters, so
// that nothing depends on who came first.
func (t *Tally) order() []int {
	at := make([]int, len(t.nodes))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int {
		switch {
		case t.nodes[a] < t.nodes[b]:
			return -1
		case t.nodes[a] > t.nodes[b]:
			return 1
		}
		return slices.Compare(t.row(a), t.row(b))
	})
	return at
}
