package connectors

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// parseDuration reads pairs of number and unit, with or without spaces and
// commas between them. It is exact to the nanosecond for whole numbers.
func parseDuration(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "0" {
		return 0, true
	}
	total := time.Duration(0)
	for rest != "" {
		d, tail, ok := term(rest)
		if !ok || total > math.MaxInt64-d {
			return 0, false
		}
		total += d
		rest = strings.TrimLeft(tail, " ,")
	}
	if negative {
		total = -total
	}
	return total, s != "" && s != "-"
}

// term reads one number with its unit from the head of s.
func term(s string) (d time.Duration, rest string, ok bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if i <= 0 {
		return 0, "", false
	}
	number, s := s[:i], strings.TrimLeft(s[i:], " ")
	j := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	if j < 0 {
		j = len(s)
	}
	u := unit(s[:j])
	whole, part, _ := strings.Cut(number, ".")
	if whole == "" {
		whole = "0"
	}
	n, err := strconv.ParseUint(whole, 10, 64)
	f, ferr := strconv.ParseFloat("0."+part+"0", 64)
	hi, lo := bits.Mul64(n, uint64(u))
	if err != nil || ferr != nil || u == 0 || hi != 0 || lo > math.MaxInt64-uint64(u) {
		return 0, "", false
	}
	return time.Duration(lo) + time.Duration(math.Round(f*float64(u))), s[j:], true
}

// unit returns the length of a unit of time, in any of its spellings, or 0.
func unit(name string) time.Duration {
	switch strings.ToLower(name) {
	case "ns", "nanosecond", "nanoseconds":
		return time.Nanosecond
	case "us", "µs", "μs", "microsecond", "microseconds":
		return time.Microsecond
	case "ms", "millisecond", "milliseconds":
		return time.Millisecond
	case "s", "sec", "secs", "second", "seconds":
		return time.Second
	case "m", "min", "mins", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return 24 * time.Hour
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour
	}
	return 0
}
