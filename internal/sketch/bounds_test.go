package sketch

import (
	"math"
	"math/rand/v2"
	"testing"
)

// shares is what a test of a bound found: in how many of the trials it was broken.
type shares struct{ broken, trials int }

func (s *shares) add(broken bool) {
	s.trials++
	if broken {
		s.broken++
	}
}

func (s *shares) check(t *testing.T, what string, delta float64) {
	t.Helper()
	t.Logf("%s: broken %d times in %d, %.4f, at most %v is proven", what, s.broken, s.trials, float64(s.broken)/float64(s.trials), delta)
	if unlikely(s.broken, s.trials, delta) {
		t.Errorf("%s: broken %d times in %d, more than a share of %v can explain", what, s.broken, s.trials, delta)
	}
}

// A test that counts violations finds it when a bound does not hold.
func TestUnlikely(t *testing.T) {
	for _, c := range []struct {
		broken, n int
		p         float64
		want      bool
	}{{0, 100, 0.1, false}, {10, 100, 0.1, false}, {20, 100, 0.1, false}, {40, 100, 0.1, true}, {100, 100, 0.5, true}, {6, 200, 0.001, true}} {
		if got := unlikely(c.broken, c.n, c.p); got != c.want {
			t.Errorf("%d of %d at %v: unlikely is %v", c.broken, c.n, c.p, got)
		}
	}
}

// An estimate is never too small, and too large by more than error × rows in no more
// than a share of delta of the seeds, for each key: the first and the last are tried.
func TestCountMinBound(t *testing.T) {
	const err, n, trials = 0.02, 4000, 400
	for _, delta := range []float64{0.5, 0.1} {
		for _, s := range streams() {
			keys := s.keys(rand.New(rand.NewPCG(1, 2)), n)
			truth := counts(keys)
			var found shares
			for seed := range uint64(trials) {
				c := must(NewCountMin(err, delta, seed))
				for _, k := range keys {
					c.Add(k, 1)
				}
				k := keys[int(seed)%n]
				got, want := c.Count(k), truth[k]
				if got < want {
					t.Fatalf("%s: %d rows counted as %d", s.name, want, got)
				}
				found.add(float64(got-want) > err*float64(n))
			}
			found.check(t, "count-min, "+s.name, delta)
		}
	}
}

// A sketch a quarter as wide breaks the bound where keys are heavy: the test above
// would find it.
func TestCountMinBoundIsTight(t *testing.T) {
	var found shares
	for seed := range uint64(400) {
		c := must(NewCountMin(0.1, 0.5, seed)) // 20 counters
		for k := range uint64(10) {
			c.Add(k, 100)
		}
		found.add(c.Count(1) > 100+0.02*1000)
	}
	if !unlikely(found.broken, found.trials, 0.1) {
		t.Errorf("only %d of %d sketches too narrow break the bound", found.broken, found.trials)
	}
}

// The second moment is within the error, relatively, for all but a share of delta of
// the seeds.
func TestMomentBound(t *testing.T) {
	const err, n, trials = 0.25, 2000, 300
	for _, delta := range []float64{0.5, 0.1} {
		for _, s := range streams() {
			keys := s.keys(rand.New(rand.NewPCG(3, 4)), n)
			truth := 0.0
			for _, c := range counts(keys) {
				truth += float64(c) * float64(c)
			}
			var found shares
			mean := 0.0
			for seed := range uint64(trials) {
				m := must(NewMoment(err, delta, seed))
				for _, k := range keys {
					m.Add(k, 1)
				}
				mean += m.Estimate() / trials
				found.add(math.Abs(m.Estimate()-truth) > err*truth)
			}
			found.check(t, "second moment, "+s.name, delta)
			if math.Abs(mean-truth) > 0.05*truth {
				t.Errorf("%s: estimates of %v have the mean %v", s.name, truth, mean)
			}
		}
	}
}

// The size of a join is off by more than error × √(the moments' product) for no more
// than a share of delta of the seeds.
func TestProductBound(t *testing.T) {
	const err, delta, n, trials = 0.25, 0.1, 2000, 300
	for _, s := range streams() {
		r := rand.New(rand.NewPCG(5, 6))
		left, right := s.keys(r, n), s.keys(r, n/2)
		cl, cr := counts(left), counts(right)
		truth, sl, sr := 0.0, 0.0, 0.0
		for k, c := range cl {
			truth += float64(c * cr[k])
			sl += float64(c * c)
		}
		for _, c := range cr {
			sr += float64(c * c)
		}
		var found shares
		for seed := range uint64(trials) {
			a := must(NewMoment(err, delta, seed))
			b := a.Fresh()
			for _, k := range left {
				a.Add(k, 1)
			}
			for _, k := range right {
				b.Add(k, 1)
			}
			found.add(math.Abs(must(a.Product(b))-truth) > err*math.Sqrt(sl*sr))
		}
		found.check(t, "join size, "+s.name, delta)
	}
}

// Heavy keys are found, all of them, for all but a share of delta of the seeds; and
// counted within the error. With few keys counts are exact.
func TestHeavyBound(t *testing.T) {
	const share, err, delta, n, trials = 0.02, 0.01, 0.1, 4000, 200
	for _, s := range streams() {
		keys := s.keys(rand.New(rand.NewPCG(7, 8)), n)
		truth := counts(keys)
		var missed, wrong shares
		for seed := range uint64(trials) {
			h := must(NewHeavy(share, err, delta, seed))
			for i, k := range keys {
				h.Add(k, uint64(i))
			}
			got := map[uint64]uint64{}
			for _, it := range h.Items() {
				got[it.Key] = it.Count
			}
			miss := false
			for k, c := range truth {
				if float64(c) >= share*n {
					_, found := got[k]
					miss = miss || !found
				}
			}
			missed.add(miss)
			for k, c := range got {
				if c < truth[k] || h.Exact() && c != truth[k] {
					t.Fatalf("%s: %d rows counted as %d", s.name, truth[k], c)
				}
			}
			k := ^uint64(0) // one that is not chosen by its count
			for it := range got {
				k = min(k, it)
			}
			wrong.add(float64(got[k]-truth[k]) > err*n)
		}
		missed.check(t, "heavy keys missed, "+s.name, delta)
		wrong.check(t, "heavy keys miscounted, "+s.name, delta)
	}
}

// The relative error of a distinct count has mean zero and the standard deviation
// that is promised; by Chebyshev's inequality it is over twice that for a quarter of
// the seeds at most, in truth for one in twenty.
func TestDistinctBound(t *testing.T) {
	const err, trials = 0.1, 400
	for _, n := range []int{1, 50, 101, 102, 103, 200, 1000, 20_000} {
		var far shares
		sum, squares := 0.0, 0.0
		for seed := range uint64(trials) {
			d := must(NewDistinct(err, seed))
			for i := range n {
				d.Add(uint64(i))
				d.Add(uint64(i / 2))
			}
			e := float64(d.Count())/float64(n) - 1
			if n < 102 && e != 0 {
				t.Fatalf("%d keys counted as %d", n, d.Count())
			}
			sum, squares = sum+e, squares+e*e
			far.add(math.Abs(e) > 2*err)
		}
		far.check(t, "distinct count", 0.1)
		mean, rms := sum/trials, math.Sqrt(squares/trials)
		// The square's own deviation is √(2/trials) of it.
		if math.Abs(mean) > 5*err/math.Sqrt(trials) || rms > err*(1+5*math.Sqrt(0.5/trials)) {
			t.Errorf("%d keys: mean error %v, root mean square %v, %v is promised", n, mean, rms, err)
		}
	}
}

// Every row is in the sample with probability k/t: the share of seeds that have it is
// within five standard deviations, for each row, and there are k always.
func TestSampleIsUniform(t *testing.T) {
	const k, n, trials = 20, 200, 2000
	var hits [n]int
	for seed := range uint64(trials) {
		s := must(NewSample(k, seed))
		for i := range n {
			s.Add(uint64(i), []byte{byte(i)})
		}
		if len(s.Values()) != k {
			t.Fatalf("%d rows, want %d", len(s.Values()), k)
		}
		for _, v := range s.Values() {
			hits[v[0]]++
		}
	}
	p := float64(k) / n
	chi := 0.0
	for i, h := range hits {
		z := (float64(h) - p*trials) / math.Sqrt(trials*p*(1-p))
		chi += z * z
		if math.Abs(z) > 5 {
			t.Errorf("row %d is in %d of %d samples", i, h, trials)
		}
	}
	if math.Abs(chi-n) > 5*math.Sqrt(2*n) {
		t.Errorf("χ² = %v for %d rows", chi, n)
	}
}
