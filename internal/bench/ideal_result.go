package bench

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// The classes of critical errors.
const (
	classPower = iota
	classTamper
)

// alerts are the critical errors, by column. Names are numbers.
type alerts struct {
	ts, code, severity, hash, seq  []int64
	meter, feeder, firmware, class []int32
}

func (a *alerts) merge(o *alerts) {
	a.ts, a.code, a.severity = append(a.ts, o.ts...), append(a.code, o.code...), append(a.severity, o.severity...)
	a.hash, a.seq = append(a.hash, o.hash...), append(a.seq, o.seq...)
	a.meter, a.feeder = append(a.meter, o.meter...), append(a.feeder, o.feeder...)
	a.firmware, a.class = append(a.firmware, o.firmware...), append(a.class, o.class...)
}

// merge adds the groups and alerts of another thread.
func (w *meterWork) merge(o *meterWork) {
	for _, from := range o.spans {
		to := w.spanAt(from.start, len(from.meters), len(from.outages))
		for i := range from.meters {
			to.meters[i].wh.merge(from.meters[i].wh)
			to.meters[i].n += from.meters[i].n
		}
		for b := range from.feeders {
			for i := range from.feeders[b] {
				x, y := &to.feeders[b][i], &from.feeders[b][i]
				x.power.merge(y.power)
				x.factor.merge(y.factor)
				x.peak, x.n = max(x.peak, y.peak), x.n+y.n
			}
		}
		for i := range from.outages {
			x, y := &to.outages[i], &from.outages[i]
			x.share.merge(y.share)
			x.worst = max(x.worst, y.worst)
			x.restored, x.n, x.shares = x.restored+y.restored, x.n+y.n, x.shares+y.shares
		}
	}
	w.alerts.merge(&o.alerts)
}

// results makes the rows of the four sinks, in the order of the job.
func (w *meterWork) results(mem memory.Allocator) []result {
	meters, feeders := w.names.meter.in.Values(mem), w.names.feeder.in.Values(mem)
	defer meters.Release()
	defer feeders.Release()
	return []result{
		{"per_meter", w.perMeter(mem, meters)},
		{"per_feeder", w.perFeeder(mem, feeders)},
		{"outages", w.outages(mem, feeders)},
		{"error", w.alarms(mem, meters, feeders)},
	}
}

func (w *meterWork) perMeter(mem memory.Allocator, names arrow.Array) arrow.RecordBatch {
	var meter []int32
	var start, n []int64
	var wh []float64
	for _, s := range w.spans {
		for i := range s.meters {
			if g := &s.meters[i]; g.n > 0 {
				meter, start = append(meter, int32(i)), append(start, s.start)
				wh, n = append(wh, g.wh.value()), append(n, g.n)
			}
		}
	}
	t := table{mem: mem}
	t.text("meter", meter, names)
	t.times("window_start", start)
	t.floats("wh", wh, nil)
	t.ints("n", n)
	return t.batch()
}

func (w *meterWork) perFeeder(mem memory.Allocator, names arrow.Array) arrow.RecordBatch {
	var feeder, tariff []int32
	var start, n []int64
	var mean, most, factor []float64
	for _, s := range w.spans {
		for b := range s.feeders {
			for i := range s.feeders[b] {
				g := &s.feeders[b][i]
				if g.n == 0 {
					continue
				}
				feeder, tariff = append(feeder, int32(i)), append(tariff, int32(b))
				start, n = append(start, s.start), append(n, g.n)
				mean = append(mean, g.power.value()/float64(g.n))
				most, factor = append(most, g.peak), append(factor, g.factor.value()/float64(g.n))
			}
		}
	}
	t := table{mem: mem}
	t.text("feeder", feeder, names)
	t.words("tariff", tariff, "night", "peak", "day")
	t.times("window_start", start)
	t.floats("power", mean, nil)
	t.floats("peak", most, nil)
	t.floats("load_factor", factor, nil)
	t.ints("n", n)
	return t.batch()
}

func (w *meterWork) outages(mem memory.Allocator, names arrow.Array) arrow.RecordBatch {
	var feeder []int32
	var start, restored, n []int64
	var share, worst []float64
	var known []bool
	for _, s := range w.spans {
		for i := range s.outages {
			g := &s.outages[i]
			if g.n == 0 {
				continue
			}
			feeder, start = append(feeder, int32(i)), append(start, s.start)
			share = append(share, g.share.value()/float64(g.shares))
			worst, known = append(worst, g.worst), append(known, g.shares > 0)
			restored, n = append(restored, g.restored), append(n, g.n)
		}
	}
	t := table{mem: mem}
	t.text("feeder", feeder, names)
	t.times("window_start", start)
	t.floats("share", share, known)
	t.floats("worst", worst, known)
	t.ints("restored", restored)
	t.ints("n", n)
	return t.batch()
}

func (w *meterWork) alarms(mem memory.Allocator, meters, feeders arrow.Array) arrow.RecordBatch {
	firmware := w.names.firmware.in.Values(mem)
	defer firmware.Release()
	a := &w.alerts
	t := table{mem: mem}
	t.times("ts", a.ts)
	t.text("meter", a.meter, meters)
	t.text("feeder", a.feeder, feeders)
	t.ints("code", a.code)
	t.ints("severity", a.severity)
	t.words("fault", a.class, "power", "tamper")
	t.text("firmware", a.firmware, firmware)
	t.ints("_hash", a.hash)
	t.ints("_seq", a.seq)
	return t.batch()
}

// table makes a batch, column by column.
type table struct {
	mem    memory.Allocator
	fields []arrow.Field
	cols   []arrow.Array
}

// add takes over a column.
func (t *table) add(name string, a arrow.Array) {
	t.fields = append(t.fields, arrow.Field{Name: name, Type: a.DataType(), Nullable: true})
	t.cols = append(t.cols, a)
}

// batch returns the table and gives up the columns.
func (t *table) batch() arrow.RecordBatch {
	b := array.NewRecordBatch(arrow.NewSchema(t.fields, nil), t.cols, int64(t.cols[0].Len()))
	for _, c := range t.cols {
		c.Release()
	}
	return b
}

func (t *table) ints(name string, v []int64) {
	t.add(name, fixed(t.mem, arrow.PrimitiveTypes.Int64, v, nil))
}

func (t *table) times(name string, v []int64) {
	t.add(name, fixed(t.mem, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, v, nil))
}

// floats adds a column that is null where known is false; nil is known
// everywhere.
func (t *table) floats(name string, v []float64, known []bool) {
	t.add(name, fixed(t.mem, arrow.PrimitiveTypes.Float64, v, known))
}

func fixed[T kernel.Fixed](mem memory.Allocator, dt arrow.DataType, v []T, known []bool) arrow.Array {
	vals, done := kernel.NewFixed[T](mem, dt, len(v))
	copy(vals, v)
	if known == nil {
		return done(nil)
	}
	words, valid := kernel.NewBitmap(mem, len(v))
	clear(words)
	for i, k := range known {
		if k {
			words[i/64] |= 1 << (i % 64)
		}
	}
	return done(valid)
}

// text adds strings as numbers into names.
func (t *table) text(name string, codes []int32, names arrow.Array) {
	idx := fixed(t.mem, arrow.PrimitiveTypes.Int32, codes, nil)
	defer idx.Release()
	t.add(name, array.NewDictionaryArray(kernel.StringDict(), idx, names))
}

// words adds strings as numbers of words.
func (t *table) words(name string, codes []int32, words ...string) {
	var in kernel.Interner
	for _, w := range words {
		in.Intern(w)
	}
	names := in.Values(t.mem)
	defer names.Release()
	t.text(name, codes, names)
}
