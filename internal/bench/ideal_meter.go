package bench

import (
	"math"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// The labels of the events, as the job numbers them.
const (
	labelError = iota
	labelBackup
	labelInformation
	labels
)

// The columns of the events.
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
	columns
)

func columnName(c int) string {
	return [columns]string{"ts", "meter", "feeder", "kind", "wh", "back", "mv", "ma", "code", "firmware"}[c]
}

// needs lists the columns of a label's route.
func needs(label int) []int {
	switch label {
	case labelError:
		return []int{colTime, colMeter, colFeeder, colCode, colFirmware}
	case labelBackup:
		return []int{colTime, colMeter, colFeeder, colWh, colBack}
	default:
		return []int{colTime, colMeter, colFeeder, colWh, colBack, colMv, colMa}
	}
}

// The bands of the tariff.
const (
	bandNight = iota
	bandPeak
	bandDay
	bands
)

const hour = 3_600_000_000 // microseconds

// band returns the band that an hour of the day is in.
func band(h int64) int {
	switch {
	case h < 6 || h >= 22:
		return bandNight
	case h >= 17:
		return bandPeak
	}
	return bandDay
}

// names numbers the strings of a column, for all threads alike.
type names struct {
	mu sync.Mutex
	in kernel.Interner
}

// meterNames are the columns of strings that results bear.
type meterNames struct{ meter, feeder, firmware names }

// numbering is a column of strings as codes, and the number of each code. It
// remembers the dictionary last seen: frames of a row group share theirs.
type numbering struct {
	of    *names
	dict  arrow.ArrayData
	ids   []int32
	bound int // no number is as large
}

// codes returns the codes of a column; n.ids maps them to numbers.
func (n *numbering) codes(a arrow.Array) ([]int32, error) {
	switch a := a.(type) {
	case *array.Dictionary:
		text, ok1 := a.Dictionary().(*array.String)
		idx, ok2 := a.Indices().(*array.Int32)
		if !ok1 || !ok2 {
			break
		}
		if d := a.Data().Dictionary(); d != n.dict {
			n.dict = d
			n.number(text)
		}
		return idx.Int32Values(), nil
	case *array.String: // each row is its own code
		n.dict = nil
		n.number(a)
		codes := make([]int32, a.Len())
		for i := range codes {
			codes[i] = int32(i)
		}
		return codes, nil
	}
	return nil, fault.New(fault.Invalid, "job meter: a name is %s", a.DataType())
}

func (n *numbering) number(text *array.String) {
	n.of.mu.Lock()
	defer n.of.mu.Unlock()
	n.ids = slices.Grow(n.ids[:0], text.Len())[:text.Len()]
	n.of.in.InternAll(text, n.ids)
	n.bound = n.of.in.Len()
}

// total is a compensated sum of finite numbers, hi+lo, as kernel/agg keeps it.
type total struct{ hi, lo float64 }

func (s *total) add(x float64) {
	t := s.hi + x
	b := t - s.hi
	s.lo += (s.hi - (t - b)) + (x - b)
	s.hi = t
}

func (s *total) merge(o total) {
	s.add(o.hi)
	s.lo += o.lo
}

func (s *total) value() float64 { return s.hi + s.lo }

// energy is a group of per_meter.
type energy struct {
	wh total
	n  int64
}

// load is a group of per_feeder.
type load struct {
	power, factor total
	peak          float64
	n             int64
}

// supply is a group of outages. Shares are rows whose share is not null.
type supply struct {
	share               total
	worst               float64
	restored, n, shares int64
}

// span is one window with its groups, each by the number of its meter or feeder.
type span struct {
	start   int64
	meters  []energy
	feeders [bands][]load
	outages []supply
}

// meterWork is what one thread makes of its row groups.
type meterWork struct {
	window                  int64
	names                   *meterNames
	meter, feeder, firmware numbering
	spans                   []*span
	alerts                  alerts
}

func newMeterWork(window int64, n *meterNames) *meterWork {
	return &meterWork{window: window, names: n, meter: numbering{of: &n.meter},
		feeder: numbering{of: &n.feeder}, firmware: numbering{of: &n.firmware}}
}

// span returns the window that t is in, with room for all numbers in use.
func (w *meterWork) span(t int64) *span {
	return w.spanAt(t-floorMod(t, w.window), w.meter.bound, w.feeder.bound)
}

func (w *meterWork) spanAt(start int64, meters, feeders int) *span {
	var s *span
	for i := len(w.spans) - 1; i >= 0; i-- {
		if w.spans[i].start == start {
			s = w.spans[i]
			break
		}
	}
	if s == nil {
		s = &span{start: start}
		w.spans = append(w.spans, s)
	}
	if n := len(s.meters); n < meters {
		s.meters = append(s.meters, make([]energy, meters-n)...)
	}
	if n := len(s.outages); n < feeders {
		s.outages = append(s.outages, make([]supply, feeders-n)...)
		for b := range s.feeders {
			s.feeders[b] = append(s.feeders[b], make([]load, feeders-n)...)
			for i := n; i < feeders; i++ {
				s.feeders[b][i].peak = math.Inf(-1)
			}
		}
		for i := n; i < feeders; i++ {
			s.outages[i].worst = math.Inf(-1)
		}
	}
	return s
}

// add works on the parts of a row group.
func (w *meterWork) add(g *rowGroup) error {
	for l, parts := range g.parts {
		for i := range parts {
			var err error
			switch l {
			case labelError:
				err = w.failures(&parts[i])
			case labelBackup:
				err = w.backup(&parts[i])
			case labelInformation:
				err = w.information(&parts[i])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// devices returns the codes of meters and feeders.
func (w *meterWork) devices(p *part) (meter, feeder []int32, err error) {
	if meter, err = w.meter.codes(p.cols[colMeter]); err != nil {
		return nil, nil, err
	}
	feeder, err = w.feeder.codes(p.cols[colFeeder])
	return meter, feeder, err
}

// information is the route of consumption: net, power, load factor, tariff and
// window of a row, and its groups, in one loop. While event time stays in one
// window and one hour, tariff and tables stay the same.
func (w *meterWork) information(p *part) error {
	meter, feeder, err := w.devices(p)
	if err != nil {
		return err
	}
	n := p.rows
	ts, wh, back, mv, ma := p.times()[:n], p.floats(colWh)[:n], p.floats(colBack)[:n], p.floats(colMv)[:n], p.floats(colMa)[:n]
	meter, feeder = meter[:n], feeder[:n]
	meters, feeders := w.meter.ids, w.feeder.ids
	var lo, hi int64
	var net []energy
	var loads []load
	for i, t := range ts {
		if t < lo || t >= hi {
			var s *span
			s, lo, hi = w.hourOf(t)
			net, loads = s.meters, s.feeders[band(floorMod(t, 24*hour)/hour)]
		}
		e := &net[meters[meter[i]]]
		e.wh.add(wh[i] - back[i])
		e.n++
		power := mv[i] * ma[i] / 1000000
		f := &loads[feeders[feeder[i]]]
		f.power.add(power)
		f.factor.add(power / 7360)
		if power > f.peak {
			f.peak = power
		}
		f.n++
	}
	return nil
}

// hourOf returns the window of t, and bounds within which window and hour are
// the same.
func (w *meterWork) hourOf(t int64) (s *span, lo, hi int64) {
	s = w.span(t)
	lo = t - floorMod(t, hour)
	return s, max(lo, s.start), min(lo+hour, s.start+w.window)
}

func floorMod(t, n int64) int64 {
	m := t % n
	if m < 0 {
		m += n
	}
	return m
}

// backup is the route of supply: net, share, restored and window of a row, and
// its groups. A share of nothing is null.
func (w *meterWork) backup(p *part) error {
	meter, feeder, err := w.devices(p)
	if err != nil {
		return err
	}
	n := p.rows
	ts, wh, back := p.times()[:n], p.floats(colWh)[:n], p.floats(colBack)[:n]
	meter, feeder = meter[:n], feeder[:n]
	meters, feeders := w.meter.ids, w.feeder.ids
	var lo, hi int64
	var s *span
	for i, t := range ts {
		if t < lo || t >= hi {
			s = w.span(t)
			lo, hi = s.start, s.start+w.window
		}
		e := &s.meters[meters[meter[i]]]
		e.wh.add(wh[i] - back[i])
		e.n++
		o := &s.outages[feeders[feeder[i]]]
		o.n++
		all := wh[i] + back[i]
		if all == 0 {
			continue
		}
		share := back[i] / all
		o.share.add(share)
		o.shares++
		if share > o.worst {
			o.worst = share
		}
		if share < 0.25 {
			o.restored++
		}
	}
	return nil
}

// failures is the route of errors: it keeps the critical ones. Only the classes
// power and tamper can be critical.
func (w *meterWork) failures(p *part) error {
	codes, ok := p.cols[colCode].(*array.Int64)
	if !ok {
		return fault.New(fault.Invalid, "job meter: code is %s", p.cols[colCode].DataType())
	}
	meter, feeder, err := w.devices(p)
	if err != nil {
		return err
	}
	firmware, err := w.firmware.codes(p.cols[colFirmware])
	if err != nil {
		return err
	}
	ts, a := p.times(), &w.alerts
	for i, code := range codes.Int64Values() {
		if code < 400 || code%100 < 70 || codes.IsNull(i) {
			continue
		}
		class := int32(classPower)
		if code%100 >= 90 {
			class = classTamper
		}
		a.ts = append(a.ts, ts[i])
		a.meter = append(a.meter, w.meter.ids[meter[i]])
		a.feeder = append(a.feeder, w.feeder.ids[feeder[i]])
		a.firmware = append(a.firmware, w.firmware.ids[firmware[i]])
		a.class = append(a.class, class)
		a.code = append(a.code, code)
		a.severity = append(a.severity, code/100)
		a.hash = append(a.hash, int64(p.hash[i]))
		a.seq = append(a.seq, p.seq[i])
	}
	return nil
}

// times and floats view a column's values.
func (p *part) times() []int64 {
	a, ok := p.cols[colTime].(*array.Timestamp)
	if !ok {
		return nil
	}
	return arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
}

func (p *part) floats(c int) []float64 {
	a, ok := p.cols[c].(*array.Float64)
	if !ok {
		return nil
	}
	return a.Float64Values()
}
