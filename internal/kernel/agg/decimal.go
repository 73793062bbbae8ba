package agg

import (
	"math/big"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// Sums of decimals are kept in 192 bits, the lowest word first, so that no order of
// rows makes them overflow on the way.

// addDecimal adds a decimal of 128 bits.
func addDecimal(s []uint64, lo, hi uint64) { addWide(s, lo, hi, uint64(int64(hi)>>63)) }

func addWide(s []uint64, a, b, c uint64) {
	s = s[:3]
	var carry uint64
	s[0], carry = bits.Add64(s[0], a, 0)
	s[1], carry = bits.Add64(s[1], b, carry)
	s[2], _ = bits.Add64(s[2], c, carry)
}

func updateSumDecimal(st states, c *column, lo int, ids []int32) {
	for i, g := range ids {
		if c.null(lo + i) {
			continue
		}
		s, v := st.at(g), c.decs[lo+i]
		addDecimal(s, v.LowBits(), uint64(v.HighBits()))
		s[3]++
	}
}

func mergeDecimals(st states, in *stateColumns, lo int, ids []int32) {
	for i, g := range ids {
		s := st.at(g)
		addWide(s, in.cols[0].words[lo+i], in.cols[1].words[lo+i], in.cols[2].words[lo+i])
		s[3] += in.cols[3].words[lo+i]
	}
}

// sumDecimal is the result of sum: null if it has too many digits.
func sumDecimal(s []uint64, dt *arrow.Decimal128Type) (v decimal128.Num, null bool) {
	v = decimal128.New(int64(s[1]), s[0])
	return v, s[3] == 0 || s[2] != uint64(int64(s[1])>>63) || !fitsIn(v, dt.Precision)
}

// avgDecimal divides with more digits than the argument has behind the point, and
// rounds half away from zero.
func avgDecimal(s []uint64, more int32, dt *arrow.Decimal128Type) (v decimal128.Num, null bool) {
	if s[3] == 0 {
		return v, true
	}
	neg := int64(s[2]) < 0
	sum, part := new(big.Int), new(big.Int)
	for k := 2; k >= 0; k-- {
		sum.Lsh(sum, 64).Add(sum, part.SetUint64(s[k]))
	}
	if neg {
		sum.Sub(part.Lsh(big.NewInt(1), 192), sum)
	}
	sum.Mul(sum, part.Exp(big.NewInt(10), big.NewInt(int64(more)), nil))
	n := new(big.Int).SetUint64(s[3])
	sum.Lsh(sum, 1).Add(sum, n).Quo(sum, n.Lsh(n, 1)) // (2 sum + n) / 2n
	if neg {
		sum.Neg(sum)
	}
	if sum.BitLen() > 126 {
		return v, true
	}
	v = decimal128.FromBigInt(sum)
	return v, !fitsIn(v, dt.Precision)
}

// avgDuration divides the 128 bits of s, rounding half away from zero. The result
// is among the values, so that it always fits.
func avgDuration(s []uint64) (v uint64, null bool) {
	if s[2] == 0 {
		return 0, true
	}
	lo, hi, n := s[0], s[1], s[2]
	neg := int64(hi) < 0
	if neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	q, r := bits.Div64(hi, lo, n)
	if r >= n-r {
		q++
	}
	if neg {
		q = -q
	}
	return q, false
}
