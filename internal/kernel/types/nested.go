package types

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// inner widens an array within this one. What is unfit there is for the caller
// to ascribe to rows.
func (w *widener) inner(a arrow.Array, dt arrow.DataType) (arrow.Array, []Unfit) {
	in := widener{mem: w.mem}
	out := in.array(a, dt, false)
	if in.err != nil {
		w.err = in.err
	}
	return out, in.unfit
}

// dictionary keeps a dictionary of strings where it may; others become plain.
func (w *widener) dictionary(a *array.Dictionary, dt arrow.DataType, outermost bool) arrow.Array {
	values, unfit := w.inner(a.Dictionary(), dt)
	defer values.Release()
	why := map[int32]string{}
	for _, u := range unfit {
		why[int32(u.Row)] = u.Why
	}
	n := a.Dictionary().Len()
	codes, done := kernel.NewFixed[int32](w.mem, arrow.PrimitiveTypes.Int32, a.Len())
	ws, valid := kernel.NewBitmap(w.mem, a.Len())
	clear(ws)
	for i := range codes {
		codes[i] = 0
		if a.IsNull(i) {
			continue
		}
		code := a.GetValueIndex(i)
		if code < 0 || code >= n {
			w.reject(i, "a code is out of its dictionary's range")
			continue
		}
		if why, bad := why[int32(code)]; bad {
			w.reject(i, why)
		}
		codes[i] = int32(code)
		ws[i>>6] |= 1 << (i & 63)
	}
	idx := done(valid)
	defer idx.Release()
	if dt.ID() == arrow.STRING && outermost && n > 0 {
		return array.NewDictionaryArray(kernel.StringDict(), idx, values)
	}
	base := kernel.Nulls(w.mem, dt, a.Len())
	defer base.Release()
	var rows, from kernel.Sel
	for i, code := range codes {
		if idx.IsValid(i) {
			rows, from = append(rows, int32(i)), append(from, code)
		}
	}
	dense := kernel.Take(w.mem, values, from)
	defer dense.Release()
	return kernel.Scatter(w.mem, base, dense, rows, a.Len())
}

// structs widens field by field.
func (w *widener) structs(a *array.Struct, dt arrow.DataType) arrow.Array {
	to, _ := dt.(*arrow.StructType)
	kids := make([]arrow.ArrayData, a.NumField())
	whys := map[int]string{}
	for i := range kids {
		kid, unfit := w.inner(a.Field(i), to.Field(i).Type)
		defer kid.Release()
		kids[i] = kid.Data()
		for _, u := range unfit {
			if _, ok := whys[u.Row]; !ok && a.IsValid(u.Row) {
				whys[u.Row] = to.Field(i).Name + ": " + u.Why
			}
		}
	}
	null := make([]bool, a.Len())
	for i := range null {
		null[i] = a.IsNull(i)
		if why, bad := whys[i]; bad {
			w.reject(i, why)
		}
	}
	return w.assemble(null, dt, kids)
}

// list widens the items of lists and the entries of maps.
func (w *widener) list(a array.ListLike, dt arrow.DataType) arrow.Array {
	n := a.Len()
	from, to := int64(math.MaxInt64), int64(0) // the items that are in use
	total := int64(0)
	for i := range n {
		if a.IsValid(i) {
			lo, hi := a.ValueOffsets(i)
			from, to, total = min(from, lo), max(to, hi), total+hi-lo
		}
	}
	from = min(from, to)
	if total > math.MaxInt32 || to-from > math.MaxInt32 {
		w.err = fault.New(fault.Invalid, "an array holds more than %d items", math.MaxInt32)
		return kernel.Nulls(w.mem, dt, n)
	}
	part := array.NewSlice(a.ListValues(), from, to)
	defer part.Release()
	items, unfit := w.inner(part, dt.(arrow.ListLikeType).Elem())
	defer items.Release()
	offsets := memory.NewResizableBuffer(w.mem)
	defer offsets.Release()
	offsets.Resize(4 * (n + 1))
	at, rows := arrow.GetData[int32](offsets.Bytes()), make(kernel.Sel, 0, total)
	bad := reasons(items, dt, unfit)
	null := make([]bool, n)
	at[0] = 0
	for i := range n {
		before := len(rows)
		null[i] = a.IsNull(i)
		if !null[i] {
			lo, hi := a.ValueOffsets(i)
			for k := int32(lo - from); k < int32(hi-from); k++ {
				if why, is := bad[k]; is {
					w.reject(i, why)
					null[i] = true
				}
				rows = append(rows, k)
			}
		}
		if null[i] {
			rows = rows[:before]
		}
		at[i+1] = int32(len(rows))
	}
	kid := kernel.Take(w.mem, items, rows)
	defer kid.Release()
	return w.assemble(null, dt, []arrow.ArrayData{kid.Data()}, offsets)
}

// reasons says which items are unfit, and why. Entries of maps without a key
// are.
func reasons(items arrow.Array, dt arrow.DataType, unfit []Unfit) map[int32]string {
	bad := map[int32]string{}
	for _, u := range unfit {
		bad[int32(u.Row)] = u.Why
	}
	entries, ok := items.(*array.Struct)
	if dt.ID() != arrow.MAP || !ok || entries.NullN() == 0 && entries.Field(0).NullN() == 0 {
		return bad
	}
	for i := range entries.Len() {
		if _, known := bad[int32(i)]; !known && (entries.IsNull(i) || entries.Field(0).IsNull(i)) {
			bad[int32(i)] = "the key of a map is null"
		}
	}
	return bad
}

// assemble makes an array of dt over other arrays, borrowed.
func (w *widener) assemble(null []bool, dt arrow.DataType, kids []arrow.ArrayData, bufs ...*memory.Buffer) arrow.Array {
	ws, valid := kernel.NewBitmap(w.mem, len(null))
	clear(ws)
	nulls := 0
	for i, is := range null {
		if is {
			nulls++
		} else {
			ws[i>>6] |= 1 << (i & 63)
		}
	}
	if nulls == 0 {
		valid.Release()
		valid = nil
	}
	if valid != nil {
		defer valid.Release()
	}
	data := array.NewData(dt, len(null), append([]*memory.Buffer{valid}, bufs...), kids, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
