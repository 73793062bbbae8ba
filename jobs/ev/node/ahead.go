package node

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/how"
)

// Ahead gathers rows whose result lies in the future: whether a level, such as a
// battery's charge, falls by more than so many points in the next so many minutes, or is
// low already. Arguments are a series (a car's trip), the time of a reading, the level,
// the features, and the minutes, points and lowest level, the same for all rows.
//
// The result is that of readings in the group. Those whose future is beyond the group's
// last reading of their series are no examples, nor are rows with a null. It implements
// fn.State; what it writes is the same for the same rows, whatever their order.
type Ahead struct {
	series map[string]*[]reading
	rule   [3]float64 // minutes, points, lowest
	known  bool
	rows   int
}

type reading struct {
	at       int64 // microseconds
	level    float32
	features [how.Width]float32
}

const aheadColumns = 3 + how.Width + 3

// Update adds rows.
func (a *Ahead) Update(in []arrow.Array, rows []int32) error {
	if len(in) != aheadColumns {
		return fault.New(fault.Invalid, "rows with a future have %d columns, expected %d", len(in), aheadColumns)
	}
	names, ok := in[0].(*array.String)
	times, isTime := in[1].(*array.Timestamp)
	var nums [aheadColumns - 2]*array.Float64
	for j := range nums {
		f, is := in[2+j].(*array.Float64)
		nums[j], ok = f, ok && is
	}
	if !ok || !isTime {
		return fault.New(fault.Invalid, "rows with a future are not of the declared types")
	}
next:
	for _, i := range rows {
		for _, c := range in {
			if c.IsNull(int(i)) {
				continue next
			}
		}
		var v [aheadColumns - 2]float64
		for j, c := range nums {
			if v[j] = c.Value(int(i)); !(math.Abs(v[j]) <= math.MaxFloat32) {
				continue next
			}
		}
		if err := a.obey([3]float64(v[1+how.Width:])); err != nil {
			return err
		}
		r := reading{at: int64(times.Value(int(i))), level: float32(v[0]) + 0}
		for j := range r.features {
			r.features[j] = float32(v[1+j]) + 0 // -0 is 0
		}
		a.add(names.Value(int(i)), r)
	}
	return nil
}

// MostMinutes is how far ahead may be looked: 1,900 years. What is beyond the range of
// microseconds is another number on another machine.
const MostMinutes = 1e9

// obey takes the rule from the first row; others have the same.
func (a *Ahead) obey(rule [3]float64) error {
	if a.known && a.rule != rule {
		return fault.New(fault.Invalid, "rows of one group look ahead by different rules, %v and %v", a.rule, rule)
	}
	if !(rule[0] >= 0 && rule[0] <= MostMinutes) {
		return fault.New(fault.Invalid, "looking %v minutes ahead", rule[0])
	}
	a.rule, a.known = rule, true
	return nil
}

func (a *Ahead) add(name string, r ...reading) {
	list := a.series[name]
	if list == nil {
		if a.series == nil {
			a.series = map[string]*[]reading{}
		}
		// What was given is lent. Nor may it be assigned by later: a map takes over the
		// newer of two equal strings as its key.
		list = new([]reading)
		a.series[strings.Clone(name)] = list
	}
	*list = append(*list, r...)
	a.rows += len(r)
}

func byTime(a, b reading) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.level, b.level), slices.Compare(a.features[:], b.features[:]))
}

// aheadVersion is the first byte of a state.
const aheadVersion = 1

// AppendState appends the rows, sorted.
func (a *Ahead) AppendState(b []byte) []byte {
	b = append(b, aheadVersion)
	for _, v := range a.rule {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, name := range slices.Sorted(maps.Keys(a.series)) {
		list := *a.series[name]
		slices.SortFunc(list, byTime)
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, r := range list {
			b = binary.LittleEndian.AppendUint64(b, uint64(r.at))
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.level))
			for _, f := range r.features {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
			}
		}
	}
	return b
}

const readingBytes = 8 + 4 + 4*how.Width

// Merge adds the rows of another.
func (a *Ahead) Merge(b []byte) error {
	bad := fault.New(fault.Invalid, "rows with a future: %d bytes are cut off or damaged", len(b))
	if len(b) < 25 || b[0] != aheadVersion {
		return bad
	}
	var rule [3]float64
	for j := range rule {
		rule[j] = math.Float64frombits(binary.LittleEndian.Uint64(b[1+8*j:]))
	}
	for b = b[25:]; len(b) > 0; {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return bad
		}
		name := string(b[used : used+int(n)])
		b = b[used+int(n):]
		count, used := binary.Uvarint(b)
		if used <= 0 || count > uint64(len(b)-used)/readingBytes {
			return bad
		}
		b = b[used:]
		list := make([]reading, count)
		for i := range list {
			if !list[i].read(b) {
				return bad
			}
			b = b[readingBytes:]
		}
		if err := a.obey(rule); err != nil {
			return err
		}
		a.add(name, list...)
	}
	return nil
}

func (r *reading) read(b []byte) bool {
	r.at = int64(binary.LittleEndian.Uint64(b))
	r.level = math.Float32frombits(binary.LittleEndian.Uint32(b[8:]))
	ok := math.Abs(float64(r.level)) <= math.MaxFloat32
	for j := range r.features {
		r.features[j] = math.Float32frombits(binary.LittleEndian.Uint32(b[12+4*j:]))
		ok = ok && math.Abs(float64(r.features[j])) <= math.MaxFloat32
	}
	return ok
}

// Result appends the examples' bytes, those that [Examples] would write.
func (a *Ahead) Result(b array.Builder) {
	out, ok := b.(*array.BinaryBuilder)
	if !ok {
		b.AppendNull()
		return
	}
	e := Examples{}
	for _, list := range a.series {
		slices.SortFunc(*list, byTime)
		e.flat = a.label(*list, e.flat)
	}
	out.Append(e.AppendState(nil))
}

// label appends the examples of a series, which is in order of time.
func (a *Ahead) label(list []reading, flat []float32) []float32 {
	minutes := int64(a.rule[0] * 60e6)
	later := 0
	for _, r := range list {
		// The last reading that is not after the horizon.
		for later+1 < len(list) && list[later+1].at-r.at <= minutes {
			later++
		}
		if list[len(list)-1].at-r.at < minutes {
			break // nobody knows yet
		}
		y := float32(0)
		if float64(r.level)-float64(list[later].level) > a.rule[1] || float64(r.level) <= a.rule[2] {
			y = 1
		}
		flat = append(append(flat, r.features[:]...), y)
	}
	return flat
}

// Size is about the memory held.
func (a *Ahead) Size() int64 { return int64(a.rows*(readingBytes+4)) + 64 }
