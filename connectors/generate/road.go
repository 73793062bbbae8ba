package generate

// The road of ev-fleet, in km.
const (
	roadEnd  = 600.0
	stations = 3
	nodes    = 4
)

// station returns where a charging station is, in the order of the road.
func station(i int) float64 { return [stations]float64{150, 270, 460}[i] }

// ahead returns the i-th station at or after a place, counted from 0, or false.
// With strictly, one at the place itself does not count.
func ahead(km float64, i int, strictly bool) (float64, bool) {
	for s := range stations {
		at := station(s)
		if at < km || strictly && at == km {
			continue
		}
		if i == 0 {
			return at, true
		}
		i--
	}
	return 0, false
}

// nodeAt returns which node, from 0, hears a car at a place.
func nodeAt(km float64) int {
	n := 0
	for _, border := range [nodes - 1]float64{150, 280, 420} {
		if km >= border {
			n++
		}
	}
	return n
}

// Weather, traffic and gradient, in the order of their dictionaries.
const (
	sunny = iota
	rainy
	snowy
)

const (
	light = iota
	moderate
	heavy
)

const (
	flat = iota
	uphill
	downhill
)

// What weather, traffic and gradient do to the consumption, and traffic to the speed.
func weatherFactor(w uint8) float64  { return [...]float64{sunny: 1, rainy: 1.1, snowy: 1.2}[w] }
func trafficFactor(t uint8) float64  { return [...]float64{light: 1, moderate: 1.1, heavy: 1.2}[t] }
func trafficSpeed(t uint8) float64   { return [...]float64{light: 1, moderate: 0.8, heavy: 0.6}[t] }
func gradientFactor(g uint8) float64 { return [...]float64{flat: 1, uphill: 1.2, downhill: 0.8}[g] }

// road is what all cars of a trip meet. Weather is the same over 60 km and 90
// minutes, traffic over 15 km and 30 minutes, the gradient over 5 km on all trips.
type road struct {
	seed        uint64
	trip        uint64
	snow, heavy float64 // shares
}

// Purposes of draws, so that none is drawn twice from the same number.
const (
	ofWeather = iota + 1
	ofTraffic
	ofGradient
	ofCar
	ofMake
)

// draw is a number of 0 to 1 that follows from a seed and what it is for.
func draw(seed uint64, what ...uint64) float64 {
	for _, w := range what {
		seed = mix(seed + golden*(w+1))
	}
	return float64(seed>>11) * 0x1p-53
}

func (r road) weather(km float64, minute int16) uint8 {
	v := draw(r.seed, ofWeather, r.trip, uint64(km/60), uint64(minute/90))
	return choice(v, 0.25*(1-r.snow)/0.85, r.snow)
}

func (r road) traffic(km float64, minute int16) uint8 {
	v := draw(r.seed, ofTraffic, r.trip, uint64(km/15), uint64(minute/30))
	return choice(v, 0.25*(1-r.heavy)/0.85, r.heavy)
}

func (r road) gradient(km float64) uint8 {
	return choice(draw(r.seed, ofGradient, uint64(km/5)), 0.25, 0.25)
}

// choice is 2 and 1 with the probabilities given, else 0.
func choice(v, one, two float64) uint8 {
	switch {
	case v < two:
		return 2
	case v < two+one:
		return 1
	}
	return 0
}
