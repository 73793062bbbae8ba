package report

import (
	"math"
	"time"

	"gonum.org/v1/plot"
)

// times are the ticks of an axis of seconds since the epoch: at whole days, or at whole
// hours or minutes where it spans few.
type times struct{}

// someTicks is about how many ticks an axis of times has at the most.
const someTicks = 6

// Ticks implements plot.Ticker.
func (times) Ticks(least, most float64) []plot.Tick {
	step := stepOf(most - least)
	format := "2006-01-02"
	if step < 24*time.Hour {
		format = "01-02 15:04"
	}
	var out []plot.Tick
	for at := math.Ceil(least/step.Seconds()) * step.Seconds(); at <= most; at += step.Seconds() {
		out = append(out, plot.Tick{Value: at, Label: time.Unix(int64(at), 0).UTC().Format(format)})
	}
	return out
}

// stepOf is a step between ticks of an axis of so many seconds.
func stepOf(span float64) time.Duration {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		day, 2 * day, 7 * day, 28 * day} {
		if span/step.Seconds() <= someTicks {
			return step
		}
	}
	return time.Duration(math.Ceil(span/(365*day.Seconds()*someTicks))) * 365 * day
}
