package generate

import "sort"

// Topics are cut as a live broker would have given them up to one moment: all rows
// before it, of each partition. So those who read several topics see them go on together,
// however many rows each has, and the watermark, which is the least of them, does too.

// moment is a minute of a trip; rows in it come later than those before it.
type moment struct {
	trip   int
	minute int16
}

// upTo returns how far each partition is when about so many rows have come after
// those that are done: to the last moment that has no more, or into the first minute if
// that alone has more. At the end of all trips it is the end of every partition.
func (f *fleet) upTo(done []int64, most int64) []int64 {
	trip := sort.Search(len(f.roads), func(n int) bool { return f.after(done, moment{trip: n + 1}) > most })
	if trip == len(f.roads) {
		return f.until(done, moment{trip: trip})
	}
	minute := sort.Search(tripMinutes, func(m int) bool { return f.after(done, moment{trip, int16(m + 1)}) > most })
	ends := f.until(done, moment{trip, int16(minute)})
	if total(done, ends) > 0 {
		return ends
	}
	next := f.until(done, moment{trip, int16(minute + 1)})
	for p := range ends {
		n := min(next[p]-ends[p], most)
		ends[p] += n
		most -= n
	}
	return ends
}

// after counts the rows that come after those that are done and before a moment.
func (f *fleet) after(done []int64, to moment) int64 { return total(done, f.until(done, to)) }

func total(from, to []int64) (n int64) {
	for p := range from {
		n += to[p] - from[p]
	}
	return n
}

// until counts the rows of each partition before a moment, or those that are done
// where these are more: a reader may have stopped anywhere.
func (f *fleet) until(done []int64, to moment) []int64 {
	ends := make([]int64, len(f.topics))
	for p := range f.topics {
		ends[p] = max(done[p], f.topics[p].before[to.trip])
		if to.minute > 0 {
			ends[p] = max(done[p], f.topics[p].before[to.trip]+f.within(p, to))
		}
	}
	return ends
}

// within counts the rows of a partition in a trip before a moment of it.
func (f *fleet) within(p int, to moment) int64 {
	t := f.trip(to.trip)
	if node := f.topics[p].node; node >= 0 {
		heard := t.heard[node]
		return int64(sort.Search(len(heard), func(i int) bool { return t.rows[heard[i]].minute >= to.minute }))
	}
	return int64(sort.Search(len(t.rows), func(i int) bool { return t.rows[i].minute >= to.minute }))
}
