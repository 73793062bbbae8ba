package sketch

import "math/bits"

// prime is the Mersenne prime 2^61-1, over which polynomials hash.
const prime = 1<<61 - 1

// mulAdd returns a*x + c modulo prime; all are below it.
func mulAdd(a, x, c uint64) uint64 {
	hi, lo := bits.Mul64(a, x)
	s := lo&prime + (hi<<3 | lo>>61) + c
	s = s&prime + s>>61
	if s >= prime {
		s -= prime
	}
	return s
}

// reduce returns x modulo prime.
func reduce(x uint64) uint64 {
	x = x&prime + x>>61
	if x >= prime {
		x -= prime
	}
	return x
}

// bucket maps a number below prime to one below n, as evenly as can be: no bucket
// gets more than 1/n + 2^-61 of the numbers.
func bucket(v uint64, n int) int {
	hi, _ := bits.Mul64(v<<3, uint64(n))
	return int(hi)
}

// Mix scatters the bits of x, one to one (the finalizer of splitmix64, after
// Steele, Lea and Flood 2014). Seeded with a number of one's own it makes ranks
// that do not go by other uses of the same hash.
func Mix(x, seed uint64) uint64 {
	x += (seed + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// coefficients draws n numbers below prime.
func coefficients(seed uint64, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = reduce(Mix(uint64(i), seed))
	}
	return out
}
