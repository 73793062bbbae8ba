package wire

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
)

// Dictionaries of so many entries, and of so many times the rows that use them, are not
// sent whole. A shuffle leaves each key group a few rows with the dictionary of all.
const (
	shrinkFrom  = 64
	shrinkTimes = 2
)

// shrunk returns the frames of a block with dictionaries of the values that its rows have,
// where that is much less. The frames are the caller's, who calls release.
func shrunk(frames []rdd.Frame, mem memory.Allocator) (out []rdd.Frame, release func()) {
	uses := map[use]*subset{}
	for _, f := range frames {
		for i, d := range dictionaries(f.Batch) {
			u := use{i, d.Dictionary().Data()}
			if uses[u] == nil {
				uses[u] = &subset{}
			}
			uses[u].rows += d.Len()
		}
	}
	for u, s := range uses {
		if n := u.dict.Len(); n < shrinkFrom || n < shrinkTimes*s.rows {
			delete(uses, u)
		}
	}
	if len(uses) == 0 {
		return frames, func() {}
	}
	for _, f := range frames { // a dictionary is whole when all rows have been seen
		for i, d := range dictionaries(f.Batch) {
			if s := uses[use{i, d.Dictionary().Data()}]; s != nil {
				s.see(d)
			}
		}
	}
	for _, s := range uses {
		s.pick(mem)
		defer s.values.Release()
	}
	out = make([]rdd.Frame, len(frames))
	for k, f := range frames {
		out[k] = f
		if f.Batch != nil {
			out[k].Batch = smaller(f.Batch, uses, mem)
		}
	}
	return out, func() {
		for _, f := range out {
			if f.Batch != nil {
				f.Batch.Release()
			}
		}
	}
}

// dictionaries are the columns of a batch, by place, that have one which can be shrunk.
func dictionaries(b arrow.RecordBatch) map[int]*array.Dictionary {
	if b == nil {
		return nil
	}
	var out map[int]*array.Dictionary
	for i, c := range b.Columns() {
		d, ok := c.(*array.Dictionary)
		if !ok || d.DataType().(*arrow.DictionaryType).Ordered {
			continue
		}
		_, codes := d.Indices().(*array.Int32)
		_, texts := d.Dictionary().(*array.String)
		if codes && texts {
			if out == nil {
				out = map[int]*array.Dictionary{}
			}
			out[i] = d
		}
	}
	return out
}

// use is a dictionary in a column.
type use struct {
	column int
	dict   arrow.ArrayData
}

// subset is what the rows of a block have of a dictionary.
type subset struct {
	rows   int
	dict   *array.String
	place  []int32 // by code: its place among those that are used, from 1
	used   []int32 // codes, in the order in which rows have them
	values arrow.Array
}

// see notes which codes the rows of a column have.
func (s *subset) see(d *array.Dictionary) {
	if s.dict == nil {
		s.dict = d.Dictionary().(*array.String)
		s.place = make([]int32, s.dict.Len())
	}
	for i, code := range d.Indices().(*array.Int32).Int32Values() {
		if d.IsValid(i) && s.place[code] == 0 {
			s.used = append(s.used, code)
			s.place[code] = int32(len(s.used))
		}
	}
}

// pick makes the smaller dictionary.
func (s *subset) pick(mem memory.Allocator) {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.Reserve(len(s.used))
	for _, code := range s.used {
		if s.dict.IsNull(int(code)) {
			b.AppendNull()
		} else {
			b.Append(s.dict.Value(int(code)))
		}
	}
	s.values = b.NewArray()
}

// column is a column with the smaller dictionary.
func (s *subset) column(d *array.Dictionary, mem memory.Allocator) arrow.Array {
	b := array.NewInt32Builder(mem)
	defer b.Release()
	b.Reserve(d.Len())
	for i, code := range d.Indices().(*array.Int32).Int32Values() {
		if d.IsNull(i) {
			b.UnsafeAppendBoolToBitmap(false)
		} else {
			b.UnsafeAppend(s.place[code] - 1)
		}
	}
	codes := b.NewArray()
	defer codes.Release()
	return array.NewDictionaryArray(d.DataType(), codes, s.values)
}

// smaller is a batch with the smaller dictionaries.
func smaller(b arrow.RecordBatch, uses map[use]*subset, mem memory.Allocator) arrow.RecordBatch {
	cols, found := make([]arrow.Array, b.NumCols()), dictionaries(b)
	for i, c := range b.Columns() {
		if d := found[i]; d != nil {
			if s := uses[use{i, d.Dictionary().Data()}]; s != nil {
				cols[i] = s.column(d, mem)
				defer cols[i].Release()
				continue
			}
		}
		cols[i] = c
	}
	return array.NewRecordBatch(b.Schema(), cols, b.NumRows())
}
