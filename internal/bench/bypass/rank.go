package bypass

import (
	"math"
	"slices"
)

// centre estimates the middle of differences of pairs (Hodges and Lehmann 1963:
// the median of the means of all two of them, each with itself included), and a
// bound that the true one exceeds with a probability of 5 % at the most.
//
// The bound is that of the signed-rank test (Wilcoxon 1945). It supposes that a
// disturbance hits either run of a pair alike, so that differences lie
// symmetrically about the middle, and nothing else of their distribution: one
// run that took three times as long moves a mean, but hardly a rank. Of fewer
// than five differences there is no such bound, and it is +Inf.
func centre(values []float64) (middle, upper float64) {
	n := len(values)
	if n == 0 {
		return math.NaN(), math.Inf(1)
	}
	means := make([]float64, 0, n*(n+1)/2)
	for i := range values {
		for j := i; j < n; j++ {
			means = append(means, (values[i]+values[j])/2)
		}
	}
	slices.Sort(means)
	middle = (means[(len(means)-1)/2] + means[len(means)/2]) / 2
	k := signedRank(n, 0.05)
	if k < 0 {
		return middle, math.Inf(1)
	}
	return middle, means[len(means)-1-k]
}

// signedRank returns the largest k such that the sum of the ranks of positive
// differences is k or less with a probability of at most alpha, if the true
// middle is 0; or -1 if there is none.
func signedRank(n int, alpha float64) int {
	// ways[s] is the share of the 2^n choices of signs whose positive ranks sum to s.
	ways := make([]float64, n*(n+1)/2+1)
	ways[0] = 1
	for rank := 1; rank <= n; rank++ {
		for s := len(ways) - 1; s >= 0; s-- {
			ways[s] /= 2
			if s >= rank {
				ways[s] += ways[s-rank] / 2
			}
		}
	}
	k, sum := -1, 0.0
	for s, p := range ways {
		if sum += p; sum > alpha {
			break
		}
		k = s
	}
	return k
}
