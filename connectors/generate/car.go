package generate

import (
	"fmt"
	"math"
)

// carSpec is a car at the beginning of a trip.
type carSpec struct {
	name, model string
	speed       float64 // km/h
	capacity    float64 // kWh
	charge      float64 // percent
	use         float64 // kWh/km at 90 km/h
	start       float64 // km
	life        float64 // percent
	wild        bool    // its speed changes more: ±10 in 70 to 180
}

// thirteen are the cars of the study that the fleet is after.
func thirteen() []carSpec {
	return []carSpec{
		{"car1", "D", 50, 50, 99, 0.13, 110, 98, false},
		{"car2", "L", 80, 40, 81, 0.14, 10, 98, false},
		{"car3", "F", 70, 55, 94, 0.11, 0, 100, false},
		{"car4", "M", 89, 49, 89, 0.16, 3, 89, true},
		{"car5", "C", 78, 35, 85, 0.10, 0, 98, false},
		{"car6", "G", 80, 50, 70, 0.12, 60, 99, false},
		{"car7", "K", 80, 41, 81, 0.11, 170, 100, false},
		{"car8", "H", 70, 48, 98, 0.17, 0, 93, false},
		{"car9", "J", 50, 45, 71, 0.11, 0, 100, false},
		{"car10", "E", 60, 60, 88, 0.14, 54, 99, false},
		{"car11", "Z", 85, 38, 99, 0.09, 270, 100, true},
		{"car12", "N", 88, 45, 78, 0.11, 423, 99, false},
		{"car13", "S", 60, 35, 90, 0.19, 0, 91, false},
	}
}

// makeCars makes any number: the thirteen, then others like them.
func makeCars(seed uint64, n int) []carSpec {
	models := thirteen()
	out := make([]carSpec, n)
	for i := range out {
		c := models[i%len(models)]
		if i >= len(models) {
			u := func(what uint64) float64 { return draw(seed, ofMake, uint64(i), what) }
			c.name = fmt.Sprintf("car%d", i+1)
			c.charge, c.start, c.life = math.Round(60+40*u(0)), math.Round(400*u(1)), math.Round(85+15*u(2))
			c.capacity, c.speed = math.Round(c.capacity*(0.9+0.2*u(3))), math.Round(60+30*u(4))
		}
		out[i] = c
	}
	return out
}

// Statuses and emergencies, in the order of their dictionaries.
const (
	driving = iota
	charging
	stopped
	slowed
	arrived
	empty
)

const (
	noEmergency = iota
	accident
	closure
)

// Sensors that can fail.
const (
	noFault = iota
	faultCharge
	faultSpeed
	faultUse
)

// evRow is one minute of one car: the values that were used in it, and where it led.
type evRow struct {
	speed, use, charge, km float64
	minute, car            int16
	weather, traffic       uint8
	gradient, status       uint8
	emergency, duration    uint8
	fault                  uint8
	onset                  bool // an emergency begins
	reach                  bool
}

// tripMinutes bounds a trip: the next one begins a day later.
const tripMinutes = 24 * 60

// car is the simulation of one car on one trip.
type car struct {
	spec   carSpec
	road   road
	key    uint64 // of its draws
	faults float64

	base                float64 // speed without traffic and emergencies
	charge, km          float64
	heading             float64 // station that it goes to, NaN without
	until               float64 // charge at which it leaves the station, 0 when it drives
	emergency, duration uint8
	left                uint8 // minutes of the emergency
}

// drive simulates a trip and appends its rows.
func drive(spec carSpec, number int, r road, faults float64, out []evRow) []evRow {
	c := car{spec: spec, road: r, key: mix(r.seed ^ mix(r.trip<<32|uint64(number)+ofCar<<56)), faults: faults,
		base: spec.speed, charge: spec.charge, km: spec.start, heading: math.NaN()}
	from := len(out)
	for minute := int16(0); minute < tripMinutes; minute++ {
		row := c.step(minute)
		row.car = int16(number)
		out = append(out, row)
		if row.status == arrived || row.status == empty {
			break
		}
	}
	foresee(spec, out[from:])
	return out
}

// u draws for a purpose in a minute.
func (c *car) u(minute int16, what uint64) float64 { return draw(c.key, uint64(minute), what) }

// Purposes of a car's draws.
const (
	uSpeed = iota
	uEmergency
	uDuration
	uTarget
	uFault
	uSensor
)

func (c *car) step(minute int16) evRow {
	row := evRow{minute: minute,
		weather: c.road.weather(c.km, minute), traffic: c.road.traffic(c.km, minute), gradient: c.road.gradient(c.km)}
	if c.until > 0 {
		row.status = charging
		c.charge = min(c.charge+1, c.until) // 30 points in 30 minutes
		if c.charge >= c.until {
			c.until = 0
		}
	} else {
		c.drive(minute, &row)
	}
	row.charge, row.km = c.charge, c.km
	if c.u(minute, uFault) < c.faults {
		row.fault = 1 + uint8(3*c.u(minute, uSensor))
	}
	return row
}

// lifeAt is the battery's life in a minute: it falls 0.001 each.
func (c carSpec) lifeAt(minute int16) float64 { return max(c.life-0.001*float64(minute), 0) }

// drive is a minute on the road.
func (c *car) drive(minute int16, row *evRow) {
	c.walk(minute)
	c.meet(minute, row)
	row.speed = c.base * trafficSpeed(row.traffic)
	switch row.emergency {
	case accident:
		row.speed, row.status = 0, stopped
	case closure:
		row.speed, row.status = row.speed/2, slowed
	}
	if row.speed > 0 {
		row.use = c.spec.consumption(row)
	}
	c.decide(row.use)
	c.move(minute, row)
}

// consumption in kWh/km, of the values that the row shows.
func (c carSpec) consumption(r *evRow) float64 {
	s := r.speed / 90
	return (c.use*s + 0.002*(s-1)) * (1 + 0.5*(100-c.lifeAt(r.minute))/100) * weatherFactor(r.weather) * trafficFactor(r.traffic) * gradientFactor(r.gradient)
}

// walk lets the speed change. A car that sets out below 70 km/h gets up to it first.
func (c *car) walk(minute int16) {
	if minute == 0 {
		return
	}
	step, top := 5.0, 200.0
	if c.spec.wild {
		step, top = 10, 180
	}
	if c.base < 70 {
		c.base = min(c.base+step, 70)
		return
	}
	c.base = min(max(c.base+(2*c.u(minute, uSpeed)-1)*step, 70), top)
}

// meet begins an emergency in 2 of 97 minutes without one, of 5 to 15 minutes.
func (c *car) meet(minute int16, row *evRow) {
	if c.left == 0 {
		c.emergency = noEmergency
		if v := c.u(minute, uEmergency); v < 2.0/97 {
			c.emergency = accident
			if v < 1.0/97 {
				c.emergency = closure
			}
			c.duration = 5 + uint8(11*c.u(minute, uDuration))
			c.left, row.onset = c.duration, true
		}
	}
	if c.left > 0 {
		c.left--
		row.emergency, row.duration = c.emergency, c.duration
	}
}

// decide sets out for the next station at 30 percent, if what is left is enough as
// it goes now.
func (c *car) decide(use float64) {
	if c.charge > 30 || !math.IsNaN(c.heading) || use <= 0 {
		return
	}
	if at, ok := ahead(c.km, 0, false); ok && (at-c.km)*use <= c.charge/100*c.spec.capacity {
		c.heading = at
	}
}

// move goes as far as the minute, the charge, the road and the station allow.
func (c *car) move(minute int16, row *evRow) {
	from, to := c.km, c.km+row.speed/60
	end := roadEnd
	if !math.IsNaN(c.heading) {
		end = c.heading
	}
	to = min(to, end)
	cost := row.use / c.spec.capacity * 100 // percent a km
	if cost > 0 && (to-from)*cost >= c.charge {
		to = min(from+c.charge/cost, to)
		row.status = empty
	}
	c.km = to
	c.charge = max(c.charge-(to-from)*cost, 0)
	switch {
	case row.status == empty:
		c.charge = 0
	case to == roadEnd:
		row.status = arrived
	case to == c.heading:
		c.heading = math.NaN()
		c.until = 80 + math.Round(20*c.u(minute, uTarget))
	}
}

// foresee sets reach: whether the station after the next lies beyond what the car
// has, with 10 percent to spare, by what it is going to use. Without such a
// station the end of the road counts.
func foresee(spec carSpec, rows []evRow) {
	used := make([]float64, len(rows)+1) // percent, up to and with the row before
	at := spec.start
	for i, r := range rows {
		used[i+1] = used[i] + (r.km-at)*r.use/spec.capacity*100
		at = r.km
	}
	there := 0 // where the target is reached: targets only move on
	for i := range rows {
		r := &rows[i]
		target, ok := ahead(r.km, 1, true)
		if !ok {
			target = roadEnd
		}
		for there = max(there, i); there < len(rows) && rows[there].km < target; {
			there++
		}
		r.reach = true
		if there < len(rows) {
			t := &rows[there]
			need := used[there+1] - used[i+1] - (t.km-target)*t.use/spec.capacity*100
			r.reach = r.charge-need < 10
		}
	}
}
