package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// columnOp reads a column of the batch without copying its values.
type columnOp struct {
	name  string
	index int
	kind  kind
}

func (c *columnOp) eval(x *exec) (vec, error) {
	a, err := c.array(x)
	if err != nil {
		return vec{}, err
	}
	return x.load(a, c.kind), nil
}

// load reads an array of the kind without copying its values.
func (x *exec) load(a arrow.Array, k kind) vec {
	d := a.Data()
	v := vec{kind: k, n: a.Len()}
	if a.NullN() > 0 {
		v.valid = x.loadBits(a.NullBitmapBytes(), d.Offset(), v.n)
	}
	dict, coded := a.(*array.Dictionary)
	switch {
	case coded:
		v.vals = x.slice(d.Buffers()[1], d.Offset(), v.n, 4)
		x.loadDictionary(&v, dict)
	case k.isText():
		loadStrings(x, &v, d)
	case k.isNested():
		x.loadNested(&v, a)
	case k == kBool:
		v.vals = x.loadBits(bytesOf(d.Buffers()[1]), d.Offset(), v.n)
	default:
		v.vals = x.slice(d.Buffers()[1], d.Offset(), v.n, k.width())
	}
	return v
}

// loadNested takes the parts of a nested array, none of which are copied.
func (x *exec) loadNested(v *vec, a arrow.Array) {
	d := a.Data()
	switch a := a.(type) {
	case *array.Struct:
		for i := range a.NumField() { // the fields of a slice are sliced
			f := a.Field(i)
			f.Retain()
			v.kids = append(v.kids, f)
		}
		return
	case *array.Map:
		v.kids = []arrow.Array{a.Keys(), a.Items()}
	case *array.List:
		v.kids = []arrow.Array{a.ListValues()}
	}
	for _, k := range v.kids {
		k.Retain()
	}
	v.offs = x.offsets(d)
}

func bytesOf(b *memory.Buffer) []byte {
	if b == nil {
		return nil
	}
	return b.Bytes()
}

func (c *columnOp) array(x *exec) (arrow.Array, error) {
	if c.index >= len(x.cols) || x.cols[c.index] == nil {
		return nil, fault.New(fault.Bug, "column %q is missing", c.name)
	}
	a := x.cols[c.index]
	if a.Len() != x.rows || kindOf(a.DataType()) != c.kind {
		return nil, fault.New(fault.Bug, "column %q has %d rows of %s; want %d of %s", c.name, a.Len(), a.DataType(), x.rows, c.kind)
	}
	return a, nil
}

// slice is n values of the width of b, from row off on. Arrow allows the
// buffers of an empty array to be missing.
func (x *exec) slice(b *memory.Buffer, off, n, width int) *memory.Buffer {
	if b == nil || n == 0 {
		return x.alloc(0)
	}
	return memory.SliceBuffer(b, off*width, n*width)
}

// offsets is the offsets of the strings or lists of d.
func (x *exec) offsets(d arrow.ArrayData) *memory.Buffer {
	if offs := d.Buffers()[1]; d.Len() > 0 && offs != nil {
		return x.slice(offs, d.Offset(), d.Len()+1, 4)
	}
	return x.bitmap(64, false)
}

func (x *exec) loadBits(raw []byte, off, n int) *memory.Buffer {
	buf, bits := x.rawBitmap(n)
	bits.Load(raw, off, n)
	return buf
}

// loadStrings takes the strings of d, of which v.n (or v.size) are read.
func loadStrings(x *exec, v *vec, d arrow.ArrayData) {
	v.offs = x.offsets(d)
	if data := d.Buffers()[2]; data != nil {
		data.Retain()
		v.data = data
	} else {
		v.data = x.alloc(0)
	}
}

// loadDictionary takes the values of the dictionary; those that are null become
// nulls of the rows.
func (x *exec) loadDictionary(v *vec, a *array.Dictionary) {
	dict := a.Dictionary()
	v.coded, v.size = true, dict.Len()
	loadStrings(x, v, dict.Data())
	if dict.NullN() > 0 {
		table := x.loadBits(dict.NullBitmapBytes(), dict.Data().Offset(), v.size)
		x.and(&v.valid, x.lookup(table, v.size, v.codes()), v.n)
		table.Release()
	}
}

// flatten turns a constant into a column of x.rows rows; strings become codes
// of a dictionary of one.
func (x *exec) flatten(v *vec) {
	if !v.konst {
		return
	}
	n := x.rows
	out := vec{kind: v.kind, n: n}
	switch v.kind {
	case kString:
		out.vals = x.alloc(4 * n)
		clear(view[int32](out.vals, n))
		out.coded, out.size = true, 1
		out.offs, out.data = v.offs, v.data
		v.offs, v.data = nil, nil
	case kBool:
		out.vals = x.bitmap(n, v.bits().Get(0))
	case kInt, kTime, kInterval:
		out.vals = x.alloc(8 * n)
		fill(out.ints(), v.ints()[0])
	case kFloat:
		out.vals = x.alloc(8 * n)
		fill(out.floats(), v.floats()[0])
	case kDate:
		out.vals = x.alloc(4 * n)
		fill(out.days(), v.days()[0])
	case kNull, kBinary:
		fallthrough
	default:
		x.spread(&out, v)
	}
	out.valid, out.fail, out.hard = x.spreadBits(v, v.valid, n), x.spreadBits(v, v.fail, n), x.spreadBits(v, v.hard, n)
	v.release()
	*v = out
}

// spread gives out the one value of v in every row.
func (x *exec) spread(out, v *vec) {
	if v.kind.isDecimal() {
		out.vals = x.alloc(16 * out.n)
		fill(out.decimals(), v.decimals()[0])
		return
	}
	if out.n == 1 {
		*out = v.retain()
		for _, b := range [...]**memory.Buffer{&out.valid, &out.fail, &out.hard} {
			if *b != nil {
				x.drop(b)
			}
		}
		out.konst = false
		return
	}
	one := v.array()
	defer one.Release()
	all := kernel.Take(x.mem, one, make([]int32, out.n))
	defer all.Release()
	n := out.n
	*out = x.load(all, v.kind)
	x.drop(&out.valid)
	out.n = n
}

// drop releases a bitmap.
func (x *exec) drop(b **memory.Buffer) {
	if *b != nil {
		(*b).Release()
		*b = nil
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// array makes the Arrow array of v, which must not be a constant.
func (v *vec) array() arrow.Array {
	n, dt := v.n, v.kind.arrow()
	nulls := 0
	if v.valid != nil {
		nulls = n - bitsOf(v.valid, n).Count(n)
	}
	valid := v.valid
	if nulls == 0 {
		valid = nil
	}
	bufs := []*memory.Buffer{valid, v.vals}
	var data *array.Data
	switch {
	case v.coded:
		dict := array.NewData(dt, v.size, []*memory.Buffer{nil, v.offs, v.data}, nil, 0, 0)
		defer dict.Release()
		coded := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: dt}
		data = array.NewDataWithDictionary(coded, n, bufs, nulls, 0, dict)
	case v.kind.isNested():
		return v.nested(valid, nulls)
	case v.kind.isText():
		data = array.NewData(dt, n, []*memory.Buffer{valid, v.offs, v.data}, nil, nulls, 0)
	default:
		data = array.NewData(dt, n, bufs, nil, nulls, 0)
	}
	defer data.Release()
	return array.MakeFromData(data)
}

// nested is array for nested kinds.
func (v *vec) nested(valid *memory.Buffer, nulls int) arrow.Array {
	dt := v.kind.arrow()
	bufs, kids := []*memory.Buffer{valid}, make([]arrow.ArrayData, len(v.kids))
	for i, k := range v.kids {
		kids[i] = k.Data()
	}
	if !v.kind.isStruct() {
		bufs = append(bufs, v.offs)
	}
	if m, ok := dt.(*arrow.MapType); ok {
		entries := array.NewData(m.Elem(), kids[0].Len(), []*memory.Buffer{nil}, kids, 0, 0)
		defer entries.Release()
		kids = []arrow.ArrayData{entries}
	}
	data := array.NewData(dt, v.n, bufs, kids, nulls, 0)
	defer data.Release()
	plain := retyped(data, dt)
	defer plain.Release()
	return array.MakeFromData(plain)
}

// retyped is the data with the fields of nested types as ParseType names them.
func retyped(d arrow.ArrayData, dt arrow.DataType) arrow.ArrayData {
	nested, ok := dt.(arrow.NestedType)
	if !ok || d.DataType().ID() == arrow.DICTIONARY {
		d.Retain()
		return d
	}
	kids := make([]arrow.ArrayData, len(d.Children()))
	for i, k := range d.Children() {
		kids[i] = retyped(k, nested.Fields()[i].Type)
		defer kids[i].Release()
	}
	return array.NewData(dt, d.Len(), d.Buffers(), kids, d.NullN(), d.Offset())
}

// constOp is a constant of the program. Its buffers are plain memory that
// every evaluation shares: reference counts do not apply to them.
type constOp struct{ v vec }

func (c *constOp) eval(*exec) (vec, error) { return c.v.retain(), nil }

// literal is the constant of a literal's value.
func literal(value any) *constOp {
	v := vec{kind: kindOfValue(value), n: 1, konst: true}
	raw := make([]byte, 8)
	v.vals = memory.NewBufferBytes(raw)
	switch value := value.(type) {
	case bool:
		v.bits().Fill(value)
	case int64:
		v.ints()[0] = value
	case float64:
		v.floats()[0] = value
	case arrow.Timestamp:
		v.ints()[0] = int64(value)
	case Interval:
		v.ints()[0] = int64(value)
	case arrow.Date32:
		v.days()[0] = int32(value)
	case string:
		v.offs, v.data, v.vals = v.vals, memory.NewBufferBytes([]byte(value)), nil
		view[int32](v.offs, 2)[1] = int32(len(value))
	default:
		v.valid = memory.NewBufferBytes(make([]byte, 8))
	}
	return &constOp{v}
}

// nullOf is the constant null of a kind.
func nullOf(k kind) *constOp {
	x := exec{mem: memory.DefaultAllocator}
	return &constOp{x.null(k)}
}

// value is the constant as the value of a literal.
func (c *constOp) value() any {
	v := &c.v
	if v.isNull() {
		return nil
	}
	switch v.kind {
	case kBool:
		return v.bits().Get(0)
	case kInt:
		return v.ints()[0]
	case kFloat:
		return v.floats()[0]
	case kTime:
		return arrow.Timestamp(v.ints()[0])
	case kDate:
		return arrow.Date32(v.days()[0])
	case kInterval:
		return Interval(v.ints()[0])
	case kString:
		t := v.texts()
		return t.at(0)
	case kNull, kBinary:
	}
	return nil
}

// nowOp is the batch's logged time.
type nowOp struct{}

func (nowOp) eval(x *exec) (vec, error) {
	v := x.fixed(kTime, 1)
	v.konst = true
	v.ints()[0] = x.now
	return v, nil
}
