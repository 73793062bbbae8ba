package generate

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
)

// Columns of the meter events.
const (
	colTime = iota
	colMeter
	colFeeder
	colKind
	colWh
	colBack
	colMv
	colMa
	colCode
	colFirmware
)

// The values of kind, in the order of its dictionary.
const (
	kindError = iota
	kindBackup
	kindInformation
	kindDirt
)

const (
	maxFeeders = 100
	firmwares  = 6
)

// meter draws the events of smart meters.
type meter struct {
	schema     *arrow.Schema
	seed       uint64
	partitions int64
	meters     int64
	feeders    int64
	start      int64 // all times in microseconds
	span       int64
	disorder   int64
	last       int64     // sequence of a partition's last row, at least 1
	below      [3]uint64 // thresholds of dirt, error and backup in a draw of 32 bits
	dicts      map[int]*array.Data
}

func newMeter(o rdd.Options, rows int64, mem memory.Allocator) (*meter, error) {
	m := &meter{schema: meterSchema(), last: max(rows-1, 1)}
	seed, _ := o["seed"].(int64)
	m.seed = mix(uint64(seed) + golden)
	m.partitions, _ = o["partitions"].(int64)
	m.meters, _ = o["meters"].(int64)
	m.feeders = min(maxFeeders, m.meters)
	var err error
	if m.start, err = startOf(o); err != nil {
		return nil, err
	}
	span, _ := o["span"].(time.Duration)
	disorder, _ := o["disorder"].(time.Duration)
	if span < 0 {
		return nil, wrong("span", "expected 0 or more, got %s", span)
	}
	if disorder < 0 {
		return nil, wrong("disorder", "expected 0 or more, got %s", disorder)
	}
	m.span, m.disorder = span.Microseconds(), disorder.Microseconds()
	if err := m.setMix(o); err != nil {
		return nil, err
	}
	m.dicts = map[int]*array.Data{
		colMeter:    values(mem, int(m.meters), func(i int) string { return fmt.Sprintf("m%05d", i+1) }),
		colFeeder:   values(mem, int(m.feeders), func(i int) string { return fmt.Sprintf("f%03d", i+1) }),
		colKind:     values(mem, 4, func(i int) string { return [...]string{"error", "backup", "information", "unknown"}[i] }),
		colFirmware: values(mem, firmwares, func(i int) string { return fmt.Sprintf("2.%d.%d", i/2, i%2*3) }),
	}
	return m, nil
}

// setMix turns "5/15/80" and dirt into thresholds.
func (m *meter) setMix(o rdd.Options) error {
	text, _ := o["mix"].(string)
	dirt, _ := o["dirt"].(float64)
	if dirt < 0 || dirt > 1 {
		return wrong("dirt", "expected a fraction from 0 to 1, got %v", dirt)
	}
	parts := strings.Split(text, "/")
	var share [3]float64
	total := 0.0
	for i, p := range parts {
		f, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || i >= len(share) || !(f >= 0 && f <= 100) {
			total = -1
			break
		}
		share[i] = f / 100
		total += f
	}
	if len(parts) != len(share) || total < 99.999 || total > 100.001 {
		return wrong("mix", `expected three percentages that add up to 100, such as "5/15/80", got %q`, text)
	}
	at := func(f float64) uint64 { return uint64(math.Round(f * (1 << 32))) }
	clean := 1 - dirt
	m.below = [3]uint64{at(dirt), at(dirt + clean*share[0]), at(dirt + clean*(share[0]+share[1]))}
	return nil
}

func meterSchema() *arrow.Schema {
	str := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	f64 := arrow.PrimitiveTypes.Float64
	return arrow.NewSchema([]arrow.Field{
		colTime:     {Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		colMeter:    {Name: "meter", Type: str},
		colFeeder:   {Name: "feeder", Type: str},
		colKind:     {Name: "kind", Type: str},
		colWh:       {Name: "wh", Type: f64},
		colBack:     {Name: "back", Type: f64},
		colMv:       {Name: "mv", Type: f64},
		colMa:       {Name: "ma", Type: f64},
		colCode:     {Name: "code", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		colFirmware: {Name: "firmware", Type: str},
	}, nil)
}

func (m *meter) Schema() *arrow.Schema { return m.schema }

func (m *meter) Name(partition int32) string { return fmt.Sprintf("meter/%d", partition) }

func (m *meter) Close() {
	for _, d := range m.dicts {
		d.Release()
	}
	clear(m.dicts)
}

// Times are sound, and exact without disorder.
func (m *meter) Times(_ int32, first, n int64) rdd.TimeRange {
	if n == 0 {
		return rdd.TimeRange{}
	}
	return rdd.TimeRange{Known: true, Min: m.base(first) - m.disorder, Max: m.base(first + n - 1)}
}

// base is the time at a place in the sequence: start + span·seq/last, exact in
// 128 bits.
func (m *meter) base(seq int64) int64 {
	hi, lo := bits.Mul64(uint64(m.span), uint64(seq))
	q, _ := bits.Div64(hi, lo, uint64(m.last))
	return m.start + int64(q)
}

// golden is 2^64 divided by the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64: a bijection that spreads every bit.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// stream is where the draws of one column of one partition begin; the draw of
// row seq is mix(stream + seq*golden).
func (m *meter) stream(column int, partition int32) uint64 {
	return mix(m.seed ^ mix(uint64(column+1)<<32|uint64(uint32(partition))))
}

// scale maps the upper half of a draw onto 0..n-1, n below 2^32.
func scale(draw uint64, n uint32) uint32 { return uint32(draw >> 32 * uint64(n) >> 32) }

// kind of an event, from its draw.
func (m *meter) kind(draw uint64) int32 {
	v := draw >> 32
	switch {
	case v >= m.below[2]:
		return kindInformation
	case v >= m.below[1]:
		return kindBackup
	case v >= m.below[0]:
		return kindError
	}
	return kindDirt
}

func (m *meter) Draw(mem memory.Allocator, c int, partition int32, first int64, n int) arrow.Array {
	x := m.stream(c, partition) + uint64(first)*golden
	kinds := m.stream(colKind, partition) + uint64(first)*golden
	switch c {
	case colTime:
		return m.times(mem, x, first, n)
	case colMeter, colFeeder:
		// Both read the draws of meter: a feeder is the meter's.
		return m.devices(mem, c, m.stream(colMeter, partition)+uint64(first)*golden, partition, n)
	case colKind:
		return m.codes(mem, c, n, func(out []int32) {
			for i := range out {
				out[i] = m.kind(mix(kinds + uint64(i)*golden))
			}
		})
	case colFirmware:
		return m.codes(mem, c, n, func(out []int32) {
			for i := range out {
				out[i] = int32(scale(mix(x+uint64(i)*golden), firmwares))
			}
		})
	case colCode:
		return m.errorCodes(mem, x, kinds, n)
	}
	return m.readings(mem, c, x, kinds, n)
}

func (m *meter) times(mem memory.Allocator, x uint64, first int64, n int) arrow.Array {
	buf := buffer(mem, n*arrow.TimestampSizeBytes)
	out := arrow.TimestampTraits.CastFromBytes(buf.Bytes())
	for i := range out {
		t := m.base(first + int64(i))
		if m.disorder > 0 {
			back, _ := bits.Mul64(mix(x+uint64(i)*golden), uint64(m.disorder)+1)
			t -= int64(back)
		}
		out[i] = arrow.Timestamp(t)
	}
	return fixed(m.schema.Field(colTime).Type, n, nil, buf, 0)
}

// devices draws meters, or the feeders of the same meters. Partition p has the
// meters p, p+P, p+2P and so on; neighbouring meters share a feeder.
func (m *meter) devices(mem memory.Allocator, c int, x uint64, partition int32, n int) arrow.Array {
	own := uint32((m.meters-int64(partition)-1)/m.partitions) + 1
	return m.codes(mem, c, n, func(out []int32) {
		for i := range out {
			out[i] = partition + int32(scale(mix(x+uint64(i)*golden), own))*int32(m.partitions)
		}
		if c == colFeeder {
			for i, d := range out {
				out[i] = int32(int64(d) * m.feeders / m.meters)
			}
		}
	})
}

// codes makes a dictionary array over column c's values.
func (m *meter) codes(mem memory.Allocator, c, n int, fill func([]int32)) arrow.Array {
	buf := buffer(mem, n*arrow.Int32SizeBytes)
	defer buf.Release()
	fill(arrow.Int32Traits.CastFromBytes(buf.Bytes()))
	data := array.NewDataWithDictionary(m.schema.Field(c).Type, n, []*memory.Buffer{nil, buf}, 0, 0, m.dicts[c])
	defer data.Release()
	return array.NewDictionaryData(data)
}

// errorCodes draws 100 to 599 for errors, small severities most often; other
// events have none.
func (m *meter) errorCodes(mem memory.Allocator, x, kinds uint64, n int) arrow.Array {
	valid := buffer(mem, (n+7)/8)
	clear(valid.Bytes())
	buf := buffer(mem, n*arrow.Int64SizeBytes)
	out := arrow.Int64Traits.CastFromBytes(buf.Bytes())
	nulls := n
	for i := range out {
		if m.kind(mix(kinds+uint64(i)*golden)) != kindError {
			out[i] = 0
			continue
		}
		v := mix(x + uint64(i)*golden)
		severity := 1 + min(bits.TrailingZeros64(v|1<<4), 4) // each half as often as the one below
		out[i] = int64(severity)*100 + int64(scale(v, 100))
		valid.Bytes()[i/8] |= 1 << (i % 8)
		nulls--
	}
	return fixed(arrow.PrimitiveTypes.Int64, n, valid, buf, nulls)
}

// readings draws a measured quantity, rounded as a meter rounds it.
func (m *meter) readings(mem memory.Allocator, c int, x, kinds uint64, n int) arrow.Array {
	buf := buffer(mem, n*arrow.Float64SizeBytes)
	out := arrow.Float64Traits.CastFromBytes(buf.Bytes())
	switch c {
	case colWh: // 0.0 to 1999.9 Wh
		for i := range out {
			out[i] = float64(scale(mix(x+uint64(i)*golden), 20_000)) / 10
		}
	case colBack: // 0.0 to 499.9 Wh; four times that while the battery feeds the house
		for i := range out {
			v := scale(mix(x+uint64(i)*golden), 5_000)
			if m.kind(mix(kinds+uint64(i)*golden)) == kindBackup {
				v *= 4
			}
			out[i] = float64(v) / 10
		}
	case colMv: // 218,000 to 241,999 mV, two uniform draws added
		for i := range out {
			v := mix(x + uint64(i)*golden)
			out[i] = float64(218_000 + scale(v, 12_000) + scale(v<<32, 12_001))
		}
	case colMa: // 0.00 to 31,999.99 mA
		for i := range out {
			out[i] = float64(scale(mix(x+uint64(i)*golden), 3_200_000)) / 100
		}
	}
	return fixed(arrow.PrimitiveTypes.Float64, n, nil, buf, 0)
}

func buffer(mem memory.Allocator, size int) *memory.Buffer {
	b := memory.NewResizableBuffer(mem)
	b.Resize(size)
	return b
}

// fixed takes over its buffers.
func fixed(t arrow.DataType, n int, valid, values *memory.Buffer, nulls int) arrow.Array {
	if nulls == 0 && valid != nil {
		valid.Release()
		valid = nil
	}
	data := array.NewData(t, n, []*memory.Buffer{valid, values}, nil, nulls, 0)
	defer data.Release()
	values.Release()
	if valid != nil {
		valid.Release()
	}
	return array.MakeFromData(data)
}

// values makes a dictionary's values.
func values(mem memory.Allocator, n int, name func(int) string) *array.Data {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.Reserve(n)
	for i := range n {
		b.Append(name(i))
	}
	a := b.NewStringArray()
	defer a.Release()
	d := a.Data().(*array.Data)
	d.Retain()
	return d
}
