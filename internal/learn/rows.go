package learn

import (
	"math"

	"github.com/idag/idag/internal/fault"
)

// Rows are what models learn from: Width features a row, and what is to be
// predicted: 0 or 1 for classification, any number for regression. Y may be nil
// where only Predict is called.
type Rows struct {
	Width int
	X     []float64 // features, row after row
	Y     []float64 // one a row
}

// Model is what all models are. Rows of another width than the model's are
// Invalid everywhere, as are rows with NaN or with numbers beyond 1e100.
type Model interface {
	// Fit trains from scratch.
	Fit(rows Rows, how Training) error
	// Update trains on with more rows: partial fit.
	Update(rows Rows, how Training) error
	// Predict writes one number a row: the probability of 1, or the value.
	// Linear regression's values may leave 0 to 1.
	Predict(rows Rows, out []float64) error
	// Width is the number of features.
	Width() int
	// AppendBinary appends the bytes that Decode reads.
	AppendBinary(b []byte) ([]byte, error)
}

// Len is the number of rows.
func (r Rows) Len() int {
	if r.Width == 0 {
		return 0
	}
	return len(r.X) / r.Width
}

// Row returns the features of row i, which belong to r.
func (r Rows) Row(i int) []float64 { return r.X[i*r.Width : (i+1)*r.Width : (i+1)*r.Width] }

// Pick copies the rows at the given places.
func (r Rows) Pick(at []int) Rows {
	out := Rows{Width: r.Width, X: make([]float64, 0, len(at)*r.Width)}
	if r.Y != nil {
		out.Y = make([]float64, 0, len(at))
	}
	for _, i := range at {
		out.X = append(out.X, r.Row(i)...)
		if r.Y != nil {
			out.Y = append(out.Y, r.Y[i])
		}
	}
	return out
}

// Columns copies the features at the given places; Y is shared.
func (r Rows) Columns(keep []int) Rows {
	n := r.Len()
	out := Rows{Width: len(keep), X: make([]float64, 0, n*len(keep)), Y: r.Y}
	for i := range n {
		row := r.Row(i)
		for _, c := range keep {
			out.X = append(out.X, row[c])
		}
	}
	return out
}

// Check returns what is wrong with rows: their shape, or a number that is none.
func (r Rows) Check() error {
	if r.Width < 1 || len(r.X)%r.Width != 0 {
		return fault.New(fault.Invalid, "%d numbers are no rows of %d features", len(r.X), r.Width)
	}
	if r.Y != nil && len(r.Y) != r.Len() {
		return fault.New(fault.Invalid, "%d rows have %d results", r.Len(), len(r.Y))
	}
	if i := notFinite(r.X); i >= 0 {
		return fault.New(fault.Invalid, "row %d, feature %d is %v", i/r.Width, i%r.Width, r.X[i])
	}
	if i := notFinite(r.Y); i >= 0 {
		return fault.New(fault.Invalid, "the result of row %d is %v", i, r.Y[i])
	}
	return nil
}

// largestNumber is the largest that models take: the squares of larger ones, and
// sums of them, would soon be infinite.
const largestNumber = 1e100

// notFinite returns where the first number is that is NaN, infinite or too large,
// or -1.
func notFinite(list []float64) int {
	for i, v := range list {
		if !(math.Abs(v) <= largestNumber) {
			return i
		}
	}
	return -1
}

// fits checks rows for a model of a width; a trained one needs results, too.
func (r Rows) fits(width int, train bool) error {
	if r.Width != width {
		return fault.New(fault.Invalid, "rows have %d features, the model %d", r.Width, width)
	}
	if train && r.Len() == 0 {
		return fault.New(fault.Invalid, "no rows to train on")
	}
	if train && r.Y == nil {
		return fault.New(fault.Invalid, "rows to train on have no results")
	}
	return r.Check()
}

// binary checks that the results are 0 or 1.
func (r Rows) binary() error {
	for i, y := range r.Y {
		if y != 0 && y != 1 {
			return fault.New(fault.Invalid, "the result of row %d is %v, of classes it is 0 or 1", i, y)
		}
	}
	return nil
}
