package scalar

// fours is how many rows go by fours: those that a vector instruction does at once.
// Few rows, and those behind the last four, are done one by one.
func fours(rows int) int {
	if rows < 16 || !vectors() {
		return 0
	}
	return rows &^ 3
}

// operand is an operand of vector instructions: where it is, and by how many bytes
// it moves on in four rows.
type operand struct {
	at     *float64
	step   int
	spread [4]float64 // a constant, four times
}

func (o *operand) of(v []float64) {
	if o.at, o.step = &v[0], 32; len(v) == 1 {
		o.spread = [4]float64{v[0], v[0], v[0], v[0]}
		o.at, o.step = &o.spread[0], 0
	}
}

// rest is what is left of an operand behind n rows; a constant stays.
func rest(v []float64, n int) []float64 {
	if len(v) == 1 {
		return v
	}
	return v[n:]
}

// byFours writes a op b for n rows, as fours says; n is not 0. Of '/' it tells
// whether some b is 0.
func byFours(op byte, dst, a, b []float64, n int) (zeros bool) {
	var x, y operand
	x.of(a)
	y.of(b)
	switch to := &dst[:n][0]; op {
	case '+':
		addFloats(to, x.at, y.at, x.step, y.step, n/4)
	case '-':
		subFloats(to, x.at, y.at, x.step, y.step, n/4)
	case '*':
		mulFloats(to, x.at, y.at, x.step, y.step, n/4)
	case '/':
		return divFloats(to, x.at, y.at, x.step, y.step, n/4) != 0
	}
	return false
}
