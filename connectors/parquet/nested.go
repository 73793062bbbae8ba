package parquet

import (
	"errors"
	"io"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"github.com/parquet-go/parquet-go/format"
)

// nested is a column of lists, maps or structs: one chunk a leaf, read side by
// side, and assembled part by part.
type nested struct {
	root *node
	mem  memory.Allocator
}

var (
	errLevels = errors.New("levels of repetition or definition do not fit each other")
	errKeys   = errors.New("the key of a map is null")
	errItems  = errors.New("a frame has too many items in lists")
)

// maxItems bounds the levels of one frame: a run of a few bytes may stand for
// any number of them.
const maxItems = 1 << 26

func newNested(file io.ReaderAt, c *codecs, g *group, l *leaf, mem memory.Allocator) *nested {
	n := &nested{root: l.tree.clone(), mem: mem}
	_ = n.root.each(func(nd *node) error {
		nd.stream = newLeafStream(file, c, &g.chunks[nd.leaf.index], nd, mem)
		return nil
	})
	return n
}

func (n *nested) close() {
	_ = n.root.each(func(nd *node) error { nd.stream.close(); return nil })
}

// skip reads and drops: only the levels tell where a row ends.
func (n *nested) skip(rows int64) error {
	for rows > 0 {
		k := int(min(rows, 4096))
		err := n.root.each(func(nd *node) error { return nd.stream.load(k) })
		if err != nil {
			return err
		}
		rows -= int64(k)
	}
	return nil
}

func (n *nested) read(rows int) (arrow.Array, error) {
	if err := n.root.each(func(nd *node) error { return nd.stream.load(rows) }); err != nil {
		return nil, err
	}
	a, err := n.build(n.root)
	if err == nil && a.Len() != rows {
		a.Release()
		err = errLevels
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// build makes the array of a part.
func (n *nested) build(nd *node) (arrow.Array, error) {
	switch {
	case nd.leaf != nil:
		return n.buildLeaf(nd)
	case nd.list:
		return n.buildList(nd)
	}
	return n.buildStruct(nd)
}

// slots counts the slots of a part and says which of them are not null.
func (n *nested) slots(nd *node) (valid *memory.Buffer, slots, nulls int) {
	s := nd.first().stream
	for i, rep := range s.reps {
		if int(rep) <= nd.rep && int(s.defs[i]) >= nd.slot {
			slots++
		}
	}
	ws, valid := kernel.NewBitmap(n.mem, slots)
	clear(ws)
	at := 0
	for i, rep := range s.reps {
		if def := int(s.defs[i]); int(rep) <= nd.rep && def >= nd.slot {
			if def >= nd.def {
				ws[at>>6] |= 1 << (at & 63)
			} else {
				nulls++
			}
			at++
		}
	}
	return valid, slots, nulls
}

func (n *nested) buildLeaf(nd *node) (arrow.Array, error) {
	dense, err := nd.stream.values()
	if err != nil {
		return nil, err
	}
	var rows kernel.Sel
	slots := 0
	for i, rep := range nd.stream.reps {
		if def := int(nd.stream.defs[i]); int(rep) <= nd.rep && def >= nd.slot {
			if def >= nd.def {
				rows = append(rows, int32(slots))
			}
			slots++
		}
	}
	if len(rows) != dense.Len() {
		dense.Release()
		return nil, errLevels
	}
	if len(rows) == slots {
		return dense, nil
	}
	defer dense.Release()
	return kernel.Scatter(n.mem, nil, dense, rows, slots), nil
}

func (n *nested) buildStruct(nd *node) (arrow.Array, error) {
	valid, slots, nulls := n.slots(nd)
	defer valid.Release()
	kids, err := n.buildAll(nd.kids, slots)
	if err != nil {
		return nil, err
	}
	return assemble(nd.typ, slots, nulls, kids, valid), nil
}

// buildAll builds the fields of a struct, each with as many slots.
func (n *nested) buildAll(nodes []*node, slots int) (kids []arrow.Array, err error) {
	defer func() {
		if err != nil {
			for _, k := range kids {
				k.Release()
			}
		}
	}()
	for _, nd := range nodes {
		a, err := n.build(nd)
		if err != nil {
			return kids, err
		}
		if kids = append(kids, a); a.Len() != slots {
			return kids, errLevels
		}
	}
	return kids, nil
}

func (n *nested) buildList(nd *node) (arrow.Array, error) {
	valid, slots, nulls := n.slots(nd)
	defer valid.Release()
	offsets := memory.NewResizableBuffer(n.mem)
	defer offsets.Release()
	offsets.Resize(4 * (slots + 1))
	ends := view[int32](offsets.Bytes())
	at, items := 0, int32(0)
	ends[0] = 0
	s := nd.first().stream
	for i, rep := range s.reps {
		def := int(s.defs[i])
		switch {
		case int(rep) <= nd.rep && def >= nd.slot:
			at++
		case int(rep) <= nd.rep || int(rep) > nd.rep+1:
			continue
		case at == 0 || def <= nd.def:
			return nil, errLevels
		}
		if def > nd.def {
			items++
		}
		ends[at] = items
	}
	kids, err := n.buildAll(nd.kids, int(items))
	if err != nil {
		return nil, err
	}
	if nd.typ.ID() == arrow.MAP && (kids[0].NullN() > 0 || kids[0].(*array.Struct).Field(0).NullN() > 0) {
		kids[0].Release()
		return nil, errKeys
	}
	return assemble(nd.typ, slots, nulls, kids, valid, offsets), nil
}

// assemble makes an array over others, whose references it takes over.
func assemble(dt arrow.DataType, n, nulls int, kids []arrow.Array, bufs ...*memory.Buffer) arrow.Array {
	if nulls == 0 {
		bufs[0] = nil
	}
	data := make([]arrow.ArrayData, len(kids))
	for i, k := range kids {
		data[i] = k.Data()
	}
	d := array.NewData(dt, n, bufs, data, nulls, 0)
	for _, k := range kids {
		k.Release()
	}
	defer d.Release()
	return array.MakeFromData(d)
}

// leafStream reads a chunk of a nested column: levels, and the values that are
// there, one after the other.
type leafStream struct {
	mem      memory.Allocator
	inner    column
	cur      *cursor
	valuer   valuer
	rep, def int // the highest levels

	left           int // levels left of the page, not yet in the block
	repRun, defRun hybrid
	block          [2][512]int32 // levels taken from the page
	at, have       int           // of the block

	reps, defs []uint8 // of the rows loaded
	parts      []arrow.Array
}

func newLeafStream(file io.ReaderAt, c *codecs, k *chunk, nd *node, mem memory.Allocator) *leafStream {
	s := &leafStream{mem: mem, rep: nd.rep, def: nd.def}
	l := *nd.leaf
	l.optional = false
	s.inner = newColumn(file, c, k, &l, k.values, mem)
	s.cur, s.valuer = cursorOf(s.inner)
	s.cur.nested = true
	s.cur.maxRep, s.cur.maxDef = nd.rep, nd.def
	return s
}

// cursorOf finds the cursor of a column.
func cursorOf(c column) (*cursor, valuer) {
	switch c := c.(type) {
	case *converted:
		return cursorOf(c.column)
	case *text:
		return &c.cursor, c
	case *boolean:
		return &c.cursor, c
	case *fixed[uint32]:
		return &c.cursor, c
	case *fixed[uint64]:
		return &c.cursor, c
	}
	panic("parquet: a column of an unknown kind")
}

func (s *leafStream) close() {
	s.drop()
	s.inner.close()
}

// drop releases the values of the rows loaded last.
func (s *leafStream) drop() {
	for _, p := range s.parts {
		p.Release()
	}
	s.parts, s.reps, s.defs = s.parts[:0], s.reps[:0], s.defs[:0]
}

// load takes the levels and values of the next rows. The last of them ends where
// another begins, so that one level more is looked at.
func (s *leafStream) load(rows int) error {
	s.drop()
	seen := 0
	for {
		if s.at == s.have {
			more, err := s.fill()
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
		from := s.at
		dense := 0
		for s.at < s.have {
			rep, def := s.block[0][s.at], s.block[1][s.at]
			if int(rep) > s.rep || int(def) > s.def {
				return errLevels
			}
			if rep == 0 {
				if seen == rows {
					break
				}
				seen++
			}
			if int(def) == s.def {
				dense++
			}
			s.reps, s.defs = append(s.reps, uint8(rep)), append(s.defs, uint8(def))
			s.at++
		}
		if err := s.take(dense); err != nil {
			return err
		}
		if s.at < s.have || s.at == from {
			break
		}
		if len(s.reps) > maxItems {
			return errItems
		}
	}
	if seen != rows || len(s.reps) > 0 && s.reps[0] != 0 {
		return errRows
	}
	return nil
}

// take reads the next values of the page.
func (s *leafStream) take(n int) error {
	if n == 0 {
		return nil
	}
	if n > s.cur.left {
		return errTooFew
	}
	a, err := s.inner.read(n)
	if err != nil {
		return err
	}
	defer a.Release()
	s.parts = append(s.parts, plainOf(s.mem, a))
	return nil
}

// values are those of the rows loaded, owned by the caller.
func (s *leafStream) values() (arrow.Array, error) {
	if len(s.parts) == 0 {
		typ := s.inner
		if c, ok := typ.(*converted); ok {
			return kernel.Nulls(s.mem, c.typ, 0), nil
		}
		switch c := typ.(type) {
		case *boolean:
			return kernel.Nulls(s.mem, arrow.FixedWidthTypes.Boolean, 0), nil
		case *fixed[uint32]:
			return kernel.Nulls(s.mem, c.typ, 0), nil
		case *fixed[uint64]:
			return kernel.Nulls(s.mem, c.typ, 0), nil
		}
		return kernel.Nulls(s.mem, arrow.BinaryTypes.String, 0), nil
	}
	return kernel.Concat(s.mem, s.parts)
}

// fill decodes the next levels, of another page if need be. It is called only
// when all values of the page have been taken.
func (s *leafStream) fill() (more bool, err error) {
	for s.left == 0 {
		if s.cur.rows == 0 {
			return false, nil
		}
		if err := s.page(); err != nil {
			return false, err
		}
	}
	n := min(s.left, len(s.block[0]))
	s.at, s.have = 0, n
	s.left -= n
	for k, run := range []*hybrid{&s.repRun, &s.defRun} {
		if run.width == 0 {
			clear(s.block[k][:n])
			continue
		}
		if err := run.read(s.block[k][:n]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// page opens the next data page.
func (s *leafStream) page() error {
	for {
		pg, _, err := s.cur.next(0)
		if err != nil {
			return err
		}
		if pg.typ == format.DictionaryPage {
			if err := s.cur.define(s.valuer, &pg); err != nil {
				return err
			}
			continue
		}
		s.left = pg.rows
		if err := s.repRun.reset(pg.reps, bits.Len(uint(s.rep))); err != nil {
			return err
		}
		if err := s.defRun.reset(pg.levels, bits.Len(uint(s.def))); err != nil {
			return err
		}
		pg.levels = nil
		if len(pg.body) == 0 && !s.valuer.hasDictionary() { // all null, or empty strings' codes of nothing
			s.cur.left = 0
			return nil
		}
		return s.cur.open(s.valuer, &pg)
	}
}
