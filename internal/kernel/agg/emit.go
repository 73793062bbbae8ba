package agg

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/idag/idag/internal/kernel"
)

// Keys returns the key columns of the groups of sel, or of all if sel is nil.
// Text comes as dictionaries over one array of all the table's strings, unless
// there is a key that is a decimal, Binary or nested.
func (t *Table) Keys(sel kernel.Sel) []arrow.Array {
	sel = t.selected(sel)
	out := make([]arrow.Array, len(t.kinds))
	for k := range out {
		out[k] = t.key(k, sel)
	}
	return out
}

// States returns the partial states of the groups of sel, or of all if sel is
// nil, in the columns that Spec.StateTypes lists, spec after spec.
func (t *Table) States(sel kernel.Sel) []arrow.Array {
	sel = t.selected(sel)
	var out []arrow.Array
	for i := range t.aggs {
		out = append(out, t.emitter(i, sel).states()...)
	}
	return out
}

// Results returns the values of the groups of sel, or of all if sel is nil, one
// column a spec.
func (t *Table) Results(sel kernel.Sel) []arrow.Array {
	sel = t.selected(sel)
	out := make([]arrow.Array, len(t.aggs))
	for i := range out {
		out[i] = t.emitter(i, sel).result()
	}
	return out
}

// Hashes returns the hash of each group's key, which is that of
// kernel.HashRows over the key columns.
func (t *Table) Hashes() []uint64 {
	hashes := make([]uint64, t.index.n)
	if len(t.kinds) == 0 {
		return kernel.HashRows(nil, hashes)
	}
	t.hashKey(0, hashes)
	if len(t.kinds) > 1 {
		further := make([]uint64, t.index.n)
		for k := 1; k < len(t.kinds); k++ {
			t.hashKey(k, further)
			for i, h := range further {
				hashes[i] = mix(hashes[i], h)
			}
		}
	}
	return hashes
}

// nullHash is what kernel.HashRows documents for a null.
const nullHash = 0x9e3779b97f4a7c15

// hashKey writes the hashes of key k. Those of strings are known.
func (t *Table) hashKey(k int, dst []uint64) {
	if t.kinds[k] != text || isSpelled(t.types[k]) {
		a := t.key(k, t.selected(nil))
		defer a.Release()
		kernel.HashRows([]arrow.Array{a}, dst)
		return
	}
	in, p := t.text.in, k
	for i := range dst {
		dst[i] = nullHash
		if w := t.index.rows[p]; w != 0 {
			dst[i] = in.Hash(int32(w) - 1)
		}
		p += t.index.stride
	}
}

func (t *Table) selected(sel kernel.Sel) kernel.Sel {
	if sel != nil {
		return sel
	}
	for i := len(t.all); i < t.index.n; i++ {
		t.all = append(t.all, int32(i))
	}
	return t.all[:t.index.n]
}

// key decodes the words of key k.
func (t *Table) key(k int, sel kernel.Sel) arrow.Array {
	e := emitter{t: t, sel: sel, st: states{t.index.rows, t.index.stride, k}}
	switch t.kinds[k] {
	case text:
		if t.plain {
			return t.spelledKey(&e, t.types[k])
		}
		return t.textKey(&e)
	case bools:
		return e.bools(func(s []uint64) (bool, bool) { return s[0] == 1, s[0] == nullBool })
	case days:
		return emit(&e, t.types[k], func(s []uint64) (int32, bool) { return int32(s[0]), s[0] == nullDay })
	case floats:
		return emit(&e, t.types[k], func(s []uint64) (uint64, bool) { return s[0], s[0] == nullFloat })
	default:
		return t.intKey(&e)
	}
}

// intKey looks for nulls in the word after the keys, the mask.
func (t *Table) intKey(e *emitter) arrow.Array {
	k := e.st.off
	if !t.wide {
		return e.word(0, t.types[k])
	}
	mask := t.index.kw - 1 - k
	return emit(e, t.types[k], func(s []uint64) (uint64, bool) { return s[0], s[mask]>>k&1 != 0 })
}

func (t *Table) textKey(e *emitter) arrow.Array {
	if t.dict == nil || t.dict.Len() != t.text.in.Len() {
		t.dropCached()
		t.dict = t.text.in.Values(t.mem)
	}
	codes := emit(e, arrow.PrimitiveTypes.Int32, func(s []uint64) (int32, bool) { return max(int32(s[0])-1, 0), s[0] == 0 })
	defer codes.Release()
	return array.NewDictionaryArray(kernel.StringDict(), codes, t.dict)
}

// emitter turns the words of one aggregate into columns, a row a group of sel.
type emitter struct {
	t   *Table
	a   *aggregate
	sel kernel.Sel
	st  states
}

func (t *Table) emitter(i int, sel kernel.Sel) *emitter {
	a := &t.aggs[i]
	return &emitter{t, a, sel, states{t.index.rows, t.index.stride, t.index.kw + a.off}}
}

// emit makes a column of what get finds in the words of each group.
func emit[T kernel.Fixed](e *emitter, dt arrow.DataType, get func(s []uint64) (v T, null bool)) arrow.Array {
	vals, done := kernel.NewFixed[T](e.t.mem, dt, len(e.sel))
	ws, valid := kernel.NewBitmap(e.t.mem, len(e.sel))
	for w := range ws {
		lo := 64 * w
		some := uint64(0)
		for i, g := range e.sel[lo:min(lo+64, len(e.sel))] {
			v, null := get(e.st.at(g))
			vals[lo+i] = v
			if !null {
				some |= 1 << (i & 63)
			}
		}
		ws[w] = some
	}
	return done(valid)
}

// word is emit for word k as it is.
func (e *emitter) word(k int, dt arrow.DataType) arrow.Array {
	vals, done := kernel.NewFixed[uint64](e.t.mem, dt, len(e.sel))
	words, stride := e.st.rows, e.st.stride
	if len(vals) > 0 {
		words = words[e.st.off+k:]
	}
	vals = vals[:len(e.sel)]
	for i, g := range e.sel {
		vals[i] = words[int(g)*stride]
	}
	return done(nil)
}

func (e *emitter) bools(get func(s []uint64) (v, null bool)) arrow.Array {
	vals, done := kernel.NewBool(e.t.mem, len(e.sel))
	ws, valid := kernel.NewBitmap(e.t.mem, len(e.sel))
	clear(vals)
	clear(ws)
	for i, g := range e.sel {
		v, null := get(e.st.at(g))
		if v && !null {
			vals[i>>6] |= 1 << (i & 63)
		}
		if !null {
			ws[i>>6] |= 1 << (i & 63)
		}
	}
	return done(valid)
}

func (e *emitter) states() []arrow.Array {
	a := e.a
	if a.blobs != nil {
		return []arrow.Array{a.blobs.states(e.t.mem, e.sel)}
	}
	switch a.fn {
	case minimum, maximum:
		return []arrow.Array{e.held()}
	case distinct:
		return []arrow.Array{e.sets()}
	case first, last:
		out := []arrow.Array{e.held(), emit(e, eventTime(), func(s []uint64) (uint64, bool) {
			p := position{int64(s[1])}
			return s[2], s[0] == 0 || !p.timed(a.fn)
		})}
		for k := 3; k <= 5; k++ {
			out = append(out, emit(e, arrow.PrimitiveTypes.Int64, func(s []uint64) (uint64, bool) { return s[k], s[0] == 0 }))
		}
		return out
	case sum:
		if a.kind == floats {
			f64 := arrow.PrimitiveTypes.Float64
			return []arrow.Array{emit(e, f64, func(s []uint64) (uint64, bool) { return s[0], s[0] == a.zero() }), e.word(1, f64)}
		}
	default:
	}
	var out []arrow.Array
	for k, dt := range a.states {
		out = append(out, e.word(k, dt))
	}
	return out
}

func (e *emitter) result() arrow.Array {
	i64, f64 := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64
	if e.a.blobs != nil {
		return e.a.blobs.results(e.t.mem, e.sel)
	}
	switch e.a.fn {
	case count, distinct:
		return e.word(0, i64)
	case sum, avg:
		return e.total(totalType(e.a.fn, e.a.arg))
	case stddev:
		return emit(e, f64, func(s []uint64) (uint64, bool) {
			if s[6] < 2 {
				return 0, true
			}
			f := asFloats(s[:6])
			return floatWord(deviation([3]float64(f), [3]float64(f[3:]), int64(s[6]))), false
		})
	default:
		return e.held()
	}
}

// total is the result of sum and avg.
func (e *emitter) total(dt arrow.DataType) arrow.Array {
	if d, ok := dt.(*arrow.Decimal128Type); ok {
		arg, _ := e.a.arg.(*arrow.Decimal128Type)
		return emit(e, dt, func(s []uint64) (decimal128.Num, bool) {
			if e.a.fn == avg {
				return avgDecimal(s, d.Scale-arg.Scale, d)
			}
			return sumDecimal(s, d)
		})
	}
	switch {
	case e.a.fn == avg && dt.ID() == arrow.DURATION:
		return emit(e, dt, avgDuration)
	case e.a.fn == sum:
		if e.a.kind == ints {
			return emit(e, dt, func(s []uint64) (uint64, bool) {
				return s[0], s[2] == 0 || s[1] != uint64(int64(s[0])>>63)
			})
		}
		return emit(e, dt, func(s []uint64) (uint64, bool) { return floatWord(floatSum(s)), s[0] == e.a.zero() })
	default:
		total := floatSum
		if e.a.kind == ints {
			total = func(s []uint64) float64 { return float128(s[0], s[1]) }
		}
		return emit(e, dt, func(s []uint64) (uint64, bool) {
			return floatWord(total(s) / float64(s[2])), s[2] == 0
		})
	}
}

func floatSum(s []uint64) float64 {
	return round2(math.Float64frombits(s[0]), math.Float64frombits(s[1]))
}

// held is the column of the values that min, max, first or last hold.
func (e *emitter) held() arrow.Array {
	a := e.a
	get := func(s []uint64) (uint64, bool) { return s[6], s[0] != seen }
	if a.fn == minimum || a.fn == maximum {
		get = func(s []uint64) (uint64, bool) { return unorderWord(a.kind, s[0]^a.flip()), s[a.width-1] == 0 }
	}
	switch a.kind {
	case text:
		return e.text()
	case bools:
		return e.bools(func(s []uint64) (bool, bool) {
			w, null := get(s)
			return w == 1, null
		})
	case days:
		return emit(e, a.arg, func(s []uint64) (int32, bool) {
			w, null := get(s)
			return int32(w), null
		})
	default:
		return emit(e, a.arg, get)
	}
}

func (e *emitter) text() arrow.Array {
	return e.unspelled(plain(e.a.arg), func(g int32) ([]byte, bool) {
		if e.st.at(g)[0] != seen {
			return nil, true
		}
		return e.a.text[g], false
	})
}

// sets are the encoded sets of count_distinct.
func (e *emitter) sets() arrow.Array {
	b := array.NewBinaryBuilder(e.t.mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(len(e.sel))
	words := e.a.set.byGroup(e.t.index.n)
	var buf []byte
	for _, g := range e.sel {
		buf = e.a.set.encode(buf[:0], words[g])
		b.Append(buf)
	}
	return b.NewArray()
}
