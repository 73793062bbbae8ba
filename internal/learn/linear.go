package learn

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/idag/idag/internal/fault"
)

// leastSquares returns the weights and the intercept that minimise the mean of half
// the squared error plus decay/2 times the squared weights; of several, as where
// features are multiples of others, those of the least length.
func leastSquares(rows Rows, decay float64) ([]float64, error) {
	n, d := rows.Len(), rows.Width
	mean, meanY := make([]float64, d), 0.0
	for i := range n {
		for j, v := range rows.Row(i) {
			mean[j] += v / float64(n)
		}
		meanY += rows.Y[i] / float64(n)
	}
	// Rows without their mean, above sqrt(n·decay) times the identity (ridge).
	extra := 0
	if decay > 0 {
		extra = d
	}
	if n+extra < d {
		extra = d - n // rows of zeros, for the thin decomposition to have all directions
	}
	a, b := mat.NewDense(n+extra, d, nil), mat.NewDense(n+extra, 1, nil)
	for i := range n {
		row := a.RawRowView(i)
		for j, v := range rows.Row(i) {
			row[j] = v - mean[j]
		}
		b.Set(i, 0, rows.Y[i]-meanY)
	}
	for j := range d {
		if decay > 0 {
			a.Set(n+j, j, math.Sqrt(float64(n)*decay))
		}
	}
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDThin) {
		return nil, fault.New(fault.Invalid, "least squares over %d rows did not converge", n)
	}
	p := make([]float64, d+1)
	p[d] = meanY
	rank := svd.Rank(float64(max(n, d)) * 0x1p-52)
	if rank == 0 {
		return p, nil
	}
	var w mat.Dense
	svd.SolveTo(&w, b, rank)
	for j := range d {
		p[j] = w.At(j, 0)
		p[d] -= p[j] * mean[j]
	}
	return p, nil
}

// newton returns the weights and the intercept that minimise the mean cross-entropy
// plus decay/2 times the squared weights. Where classes can be separated and decay
// is 0 there is no minimum; it stops when the loss is next to nothing.
func newton(rows Rows, decay float64) []float64 {
	d := rows.Width + 1
	p, try := make([]float64, d), make([]float64, d)
	grad := make([]float64, d)
	hess := mat.NewSymDense(d, nil)
	var chol mat.Cholesky
	loss := logisticLoss(rows, decay, p)
	for range 100 {
		logisticSlope(rows, decay, p, grad, hess)
		if largest(grad) < 1e-12 || loss < 1e-12 {
			return p
		}
		if !factorize(&chol, hess) {
			return p
		}
		step := mat.NewVecDense(d, nil)
		if err := chol.SolveVecTo(step, mat.NewVecDense(d, grad)); err != nil && notFinite(step.RawVector().Data) >= 0 {
			return p
		}
		better := false
		for scale := 1.0; scale > 1e-10 && !better; scale /= 2 {
			for j := range p {
				try[j] = p[j] - scale*step.AtVec(j)
			}
			if l := logisticLoss(rows, decay, try); l < loss {
				loss, better = l, true
				p, try = try, p
			}
		}
		if !better {
			return p
		}
	}
	return p
}

// factorize decomposes the second derivatives, with a little ridge where they are
// flat to within rounding, as where features repeat.
func factorize(chol *mat.Cholesky, hess *mat.SymDense) bool {
	d := hess.SymmetricDim()
	trace := mat.Trace(hess)
	for ridge := 1e-14; !chol.Factorize(hess); ridge *= 10 {
		if ridge > 1 {
			return false
		}
		for j := range d {
			hess.SetSym(j, j, hess.At(j, j)+ridge*(trace+1e-300))
		}
	}
	return true
}

func largest(v []float64) (m float64) {
	for _, x := range v {
		m = max(m, math.Abs(x))
	}
	return m
}

func linear(p, row []float64) float64 {
	z := p[len(row)]
	for j, v := range row {
		z += p[j] * v
	}
	return z
}

func logisticLoss(rows Rows, decay float64, p []float64) float64 {
	sum := 0.0
	for i := range rows.Len() {
		z := linear(p, rows.Row(i))
		sum += math.Max(z, 0) - rows.Y[i]*z + math.Log1p(math.Exp(-math.Abs(z)))
	}
	sum /= float64(rows.Len())
	for _, w := range p[:rows.Width] {
		sum += decay / 2 * w * w
	}
	return sum
}

// logisticSlope computes the first and second derivatives.
func logisticSlope(rows Rows, decay float64, p, grad []float64, hess *mat.SymDense) {
	d := len(p)
	clear(grad)
	h := make([]float64, d*d)
	x := make([]float64, d)
	x[d-1] = 1
	per := 1 / float64(rows.Len())
	for i := range rows.Len() {
		copy(x, rows.Row(i))
		q := logistic(linear(p, rows.Row(i)))
		g, c := (q-rows.Y[i])*per, q*(1-q)*per
		for j, v := range x {
			grad[j] += g * v
			for k := j; k < d; k++ {
				h[j*d+k] += c * v * x[k]
			}
		}
	}
	for j := range d {
		if j < d-1 {
			grad[j] += decay * p[j]
			h[j*d+j] += decay
		}
		for k := j; k < d; k++ {
			hess.SetSym(j, k, h[j*d+k])
		}
	}
}
