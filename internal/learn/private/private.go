// Package private bounds what a model tells of one participant: differential
// privacy by clipping and Gaussian noise.
//
// # Use
//
//  1. Every node computes the difference that its training made, and clips it:
//     [Clip] to a length C.
//  2. The server sums the clipped differences of n nodes, each with a weight of 1,
//     and adds noise of the deviation z·C to every parameter of the sum; of their
//     mean, z·C/n: [Noise]. Only this leaves the server.
//  3. After some rounds, [Epsilon] says what that amounts to.
//
// # What the bound is for
//
// Epsilon is exact for this: neighbouring worlds differ by one node being there or
// not, in all rounds ("user-level", "add or remove one"); the clipped sum is
// noised before anyone sees it, by a server that is trusted; every node takes part
// in every round. For worlds in which one node's data are replaced by others, a
// node moves the sum by 2·C: ask for Epsilon with z/2.
//
// It is not for anything else that leaves a node or the server: the number of
// nodes, who they are, their samples and accuracies, the feature scaler, what was
// tuned on the data. Weights by samples or accuracy break it, as do median, trimmed
// mean and Krum, whose result one node moves by an unknown amount. Rounds of few
// nodes drawn by chance would be worth a smaller epsilon, which is not claimed.
// Noise follows from its seed: whoever knows the seed can take it off, so a seed
// from a job's settings is for repeatable experiments, and one from crypto/rand for
// privacy. Noise in floating point leaks a little besides (Mironov 2012).
package private

import (
	"math"
	"math/rand/v2"

	"github.com/idag/idag/internal/fault"
)

// Clip scales a difference down to a length of at most bound, in place, and returns
// its length before. A bound that is not positive, NaN and infinities are Invalid.
func Clip(difference []float64, bound float64) (float64, error) {
	if !(bound > 0) || math.IsInf(bound, 0) {
		return 0, fault.New(fault.Invalid, "clipping to a length of %v", bound)
	}
	// Scaled by the largest, so that squares neither overflow nor vanish.
	most := 0.0
	for i, d := range difference {
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return 0, fault.New(fault.Invalid, "number %d of a difference is %v", i, d)
		}
		most = max(most, math.Abs(d))
	}
	if most == 0 {
		return 0, nil
	}
	sum := 0.0
	for _, d := range difference {
		sum += d / most * (d / most)
	}
	root := math.Sqrt(sum)
	if length := most * root; length <= bound {
		return length, nil
	}
	for i, d := range difference {
		// A little less than the bound, for rounding must not exceed it.
		difference[i] = d / most / root * bound * (1 - 0x1p-48)
	}
	return most * root, nil
}

// Noise adds to every number a draw of the normal distribution with the deviation.
func Noise(out []float64, deviation float64, seed uint64) error {
	if !(deviation >= 0) || math.IsInf(deviation, 0) {
		return fault.New(fault.Invalid, "noise of the deviation %v", deviation)
	}
	r := rand.New(rand.NewPCG(seed, 0x6e6f697365))
	for i := range out {
		out[i] += deviation * r.NormFloat64()
	}
	return nil
}

// Delta is the least δ for which that many rounds with noise z are (ε, δ) private.
// Gaussian mechanisms compose to one with μ = √rounds/z, whose δ is exactly
// Φ(μ/2 - ε/μ) - e^ε·Φ(-μ/2 - ε/μ): Balle and Wang (2018), theorem 8; Dong, Roth
// and Su (2022), corollaries 1 and 2.
func Delta(z float64, rounds int, epsilon float64) (float64, error) {
	if !(z > 0) || math.IsInf(z, 0) || rounds < 1 || !(epsilon >= 0) {
		return 0, fault.New(fault.Invalid, "the privacy of %d rounds with noise %v at an epsilon of %v", rounds, z, epsilon)
	}
	return delta(math.Sqrt(float64(rounds))/z, epsilon), nil
}

func delta(mu, epsilon float64) float64 {
	a, b := mu/2-epsilon/mu, mu/2+epsilon/mu
	// e^ε·Φ(-b) = φ(a)·(Φ(-b)/φ(b)): the second factor is Mills' ratio, of moderate
	// size where both of the first leave the range of numbers.
	second := math.Exp(-a*a/2) * mills(b)
	return max(math.Erfc(-a/math.Sqrt2)/2-second, 0)
}

// mills is Φ(-x)/e^(-x²/2) for positive x.
func mills(x float64) float64 {
	if x < 25 {
		return math.Erfc(x/math.Sqrt2) / 2 * math.Exp(x*x/2)
	}
	// Its asymptotic series; the next term is below 2^-50.
	y := 1 / (x * x)
	return (1 - y*(1-3*y*(1-5*y*(1-7*y*(1-9*y))))) / (x * math.Sqrt(2*math.Pi))
}

// Epsilon is the least ε for which that many rounds with noise z, as multiple of the
// clipping length, are (ε, δ) private. See the package on what that is worth.
func Epsilon(z float64, rounds int, d float64) (float64, error) {
	if !(d > 0 && d < 1) {
		return 0, fault.New(fault.Invalid, "privacy with a delta of %v, expected more than 0 and less than 1", d)
	}
	if _, err := Delta(z, rounds, 0); err != nil {
		return 0, err
	}
	mu := math.Sqrt(float64(rounds)) / z
	lo, hi := 0.0, 1.0
	for delta(mu, hi) > d {
		if hi *= 2; math.IsInf(hi, 0) {
			return hi, nil
		}
	}
	if delta(mu, 0) <= d {
		return 0, nil
	}
	for range 200 {
		mid := lo + (hi-lo)/2
		if delta(mu, mid) > d {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi, nil
}
