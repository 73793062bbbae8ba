package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/idag/idag/internal/kernel/scalar"
)

// conversion is the body of CAST from one kind to another, nil if there is
// none.
func conversion(from, to kind) impl {
	switch {
	case to.isDecimal():
		return toDecimal(from, to)
	case from.isDecimal():
		return fromDecimal(from, to)
	case from.isNested():
		return castNested(from, to)
	}
	switch from {
	case kBool:
		return castBool(to)
	case kInt:
		return castInt(to)
	case kFloat:
		return castFloat(to)
	case kString:
		return castText(to)
	case kTime:
		return castTime(to)
	case kDate:
		return castDate(to)
	case kInterval:
		return castInterval(to)
	case kBinary:
		return castBinary(to)
	case kNull:
	}
	return nil
}

func castBool(to kind) impl {
	switch to {
	case kInt:
		return func(c *call) error {
			c.out = c.x.fixed(kInt, c.n)
			fromBits(c.out.ints(), c.a[0].bits())
			return nil
		}
	case kFloat:
		return func(c *call) error {
			c.out = c.x.fixed(kFloat, c.n)
			fromBits(c.out.floats(), c.a[0].bits())
			return nil
		}
	case kString:
		return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
			a := c.a[0].bits()
			return func(dst []byte, i int) ([]byte, bool) { return strconv.AppendBool(dst, a.Get(i)), true }
		})
	case kBool, kTime, kDate, kNull, kInterval, kBinary:
	}
	return nil
}

func fromBits[T scalar.Number](dst []T, bits scalar.Bits) {
	for i := range dst {
		dst[i] = T(bits[i>>6] >> (uint(i) & 63) & 1)
	}
}

func castInt(to kind) impl {
	switch to {
	case kBool:
		return func(c *call) error {
			c.out = c.x.fixed(kBool, c.n)
			scalar.Compare(scalar.Ne, c.out.bits(), c.a[0].ints(), []int64{0}, c.n)
			return nil
		}
	case kFloat:
		return func(c *call) error {
			c.out = c.x.fixed(kFloat, c.n)
			a, dst := c.a[0].ints(), c.out.floats()
			for i, v := range a {
				dst[i] = float64(v)
			}
			return nil
		}
	case kString:
		return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
			a := rowsOf(&c.a[0], c.a[0].ints())
			return func(dst []byte, i int) ([]byte, bool) { return strconv.AppendInt(dst, a.at(i), 10), true }
		})
	case kInt, kTime, kDate, kNull, kInterval, kBinary:
	}
	return nil
}

func castFloat(to kind) impl {
	switch to {
	case kBool:
		return func(c *call) error {
			c.out = c.x.fixed(kBool, c.n)
			scalar.Compare(scalar.Ne, c.out.bits(), c.a[0].floats(), []float64{0}, c.n)
			return nil
		}
	case kInt:
		return toInteger(math.Trunc)
	case kString:
		return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
			a := rowsOf(&c.a[0], c.a[0].floats())
			return func(dst []byte, i int) ([]byte, bool) { return appendFloat(dst, a.at(i)), true }
		})
	case kFloat, kTime, kDate, kNull, kInterval, kBinary:
	}
	return nil
}

func castText(to kind) impl {
	switch to {
	case kBool:
		return func(c *call) error {
			a := c.a[0].texts()
			return c.bools(func(i int) bool {
				if c.skip(i) {
					return false
				}
				v, ok := parseBool(a.at(i))
				if !ok {
					c.failAt(i)
				}
				return v
			})
		}
	case kInt:
		return parseRows(kInt, (*vec).ints, parseInt)
	case kFloat:
		return parseRows(kFloat, (*vec).floats, parseFloat)
	case kTime:
		return parseRows(kTime, (*vec).ints, parseTimestamp)
	case kDate:
		return parseRows(kDate, (*vec).days, castToDate)
	case kInterval:
		return parseRows(kInterval, (*vec).ints, castToInterval)
	case kBinary:
		return reinterpret
	case kString, kNull:
	}
	return nil
}

// parseRows parses each string that is not null.
func parseRows[T scalar.Number](k kind, values func(*vec) []T, parse func(s string) (T, bool)) impl {
	return func(c *call) error {
		c.out = c.x.fixed(k, c.n)
		a, dst := c.a[0].texts(), values(&c.out)
		for i := range dst {
			dst[i] = 0
			if c.skip(i) {
				continue
			}
			v, ok := parse(a.at(i))
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

func parseBool(s string) (v, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}

func parseInt(s string) (int64, bool) {
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return v, err == nil
}

// parseFloat reads decimal numbers, inf, infinity and nan; what is too large
// for a double fails.
func parseFloat(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if strings.ContainsAny(s, "xX_") {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// castToDate reads a date, or a timestamp of which it keeps the day in UTC.
func castToDate(s string) (int32, bool) {
	if d, ok := parseDate(s); ok {
		return d, true
	}
	us, ok := parseTimestamp(s)
	return int32(floorDiv(us, usDay)), ok
}

func castTime(to kind) impl {
	switch to {
	case kDate:
		return func(c *call) error {
			c.out = c.x.fixed(kDate, c.n)
			a, dst := c.a[0].ints(), c.out.days()
			for i, v := range a {
				dst[i] = int32(floorDiv(v, usDay))
			}
			return nil
		}
	case kString:
		return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
			a := rowsOf(&c.a[0], c.a[0].ints())
			return func(dst []byte, i int) ([]byte, bool) { return appendTimestamp(dst, a.at(i)), true }
		})
	case kBool, kInt, kFloat, kTime, kNull, kInterval, kBinary:
	}
	return nil
}

func castDate(to kind) impl {
	switch to {
	case kTime:
		return func(c *call) error {
			c.out = c.x.fixed(kTime, c.n)
			a, dst := c.a[0].days(), c.out.ints()
			for i, v := range a {
				if dst[i] = int64(v) * usDay; int64(v) > math.MaxInt64/usDay || int64(v) < math.MinInt64/usDay {
					c.failAt(i)
				}
			}
			return nil
		}
	case kString:
		return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
			a := rowsOf(&c.a[0], c.a[0].days())
			return func(dst []byte, i int) ([]byte, bool) { return appendDate(dst, int64(a.at(i))), true }
		})
	case kBool, kInt, kFloat, kDate, kNull, kInterval, kBinary:
	}
	return nil
}
