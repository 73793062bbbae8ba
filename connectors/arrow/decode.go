package arrow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
)

// body reads the buffers of one batch, those of wanted columns only.
type body struct {
	r        io.ReaderAt
	at, size int64
	mem      memory.Allocator
	codecs   *codecs
	codec    int8
	nodes    []pair
	buffers  []pair
	views    []int64 // data buffers of each column of views
	dicts    func(n *node) (arrow.ArrayData, error)
	skip     bool // nothing is read, only passed over
	n, b, v  int  // used of nodes, buffers and views
}

const maxBuffer = 1<<31 - 1

func newBody(r io.ReaderAt, c *codecs, at block, data table, mem memory.Allocator) *body {
	b := &body{r: r, codecs: c, at: at.at, size: at.body, mem: mem, codec: uncompressed, nodes: data.pairs(1), buffers: data.pairs(2)}
	if c, ok := data.sub(3); ok {
		b.codec = c.GetInt8Slot(slot(0), 0)
	}
	from, n := data.vector(4, 8)
	for i := range n {
		b.views = append(b.views, int64(binary.LittleEndian.Uint64(data.Bytes[int(from)+8*i:])))
	}
	return b
}

// array reads the next column. It is nil where it was only passed over.
func (b *body) array(n *node, rows int64) (arrow.ArrayData, error) {
	if b.n >= len(b.nodes) {
		return nil, errors.New("a batch has fewer columns than the schema")
	}
	at := b.nodes[b.n]
	b.n++
	if at.a < 0 || rows >= 0 && at.a != rows || at.b < 0 || at.b > at.a || at.a > maxBuffer {
		return nil, fmt.Errorf("a column of %d rows claims to have %d with %d nulls", rows, at.a, at.b)
	}
	l := layoutOf(n.typ)
	if l.unknown {
		return nil, fmt.Errorf("type %s is not supported", n.typ)
	}
	var kids []arrow.ArrayData
	bufs, err := b.read(&l, at)
	defer func() { release(bufs, kids) }()
	if err != nil {
		return nil, err
	}
	for i := range n.children {
		if n.dict >= 0 {
			break // they are of the dictionary
		}
		k, err := b.array(&n.children[i], l.kidRows(at.a))
		if err != nil {
			return nil, err
		}
		kids = append(kids, k)
	}
	if b.skip {
		return nil, nil
	}
	if err := l.check(n.typ, int(at.a), int(at.b), bufs, kids); err != nil {
		return nil, err
	}
	nulls := 0
	if l.nullable && bufs[0] != nil { // whatever the batch says
		nulls = int(at.a) - bitutil.CountSetBits(bufs[0].Bytes(), 0, int(at.a))
	}
	if n.dict < 0 {
		return array.NewData(n.typ, int(at.a), bufs, kids, nulls, 0), nil
	}
	values, err := b.dicts(n)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	if err := checkCodes(n.typ, int(at.a), bufs, values.Len()); err != nil {
		return nil, err
	}
	return array.NewDataWithDictionary(n.typ, int(at.a), bufs, nulls, 0, values.(*array.Data)), nil
}

// read reads the buffers of a column; those it has read are returned with an
// error too.
func (b *body) read(l *layout, at pair) ([]*memory.Buffer, error) {
	count := len(l.buffers)
	if l.views {
		if b.v >= len(b.views) || b.views[b.v] < 0 || b.views[b.v] > int64(len(b.buffers)) {
			return nil, errors.New("a batch has fewer buffers than it says")
		}
		count += int(b.views[b.v])
		b.v++
	}
	bufs := make([]*memory.Buffer, count)
	for i := range bufs {
		if b.b >= len(b.buffers) {
			return bufs, errors.New("a batch has fewer buffers than its columns")
		}
		p := b.buffers[b.b]
		b.b++
		if b.skip || i == 0 && l.nullable && at.b == 0 {
			continue
		}
		var err error
		if bufs[i], err = b.buffer(p); err != nil {
			return bufs, err
		}
		if k := l.kind(i); at.a == 0 && bufs[i].Len() == 0 && (k == offsets32 || k == offsets64) {
			bufs[i].Resize(8) // some writers leave out the one offset of no rows
			clear(bufs[i].Bytes())
		}
	}
	return bufs, nil
}

func release(bufs []*memory.Buffer, kids []arrow.ArrayData) {
	for _, b := range bufs {
		if b != nil {
			b.Release()
		}
	}
	for _, k := range kids {
		if k != nil {
			k.Release()
		}
	}
}

// buffer reads a buffer and unpacks it.
func (b *body) buffer(p pair) (*memory.Buffer, error) {
	if p.a < 0 || p.b < 0 || p.a > b.size || p.b > b.size-p.a || p.b > maxBuffer {
		return nil, errors.New("a buffer lies outside of its batch")
	}
	if p.b == 0 || b.codec == uncompressed {
		return b.raw(p.a, p.b)
	}
	if p.b < 8 {
		return nil, errors.New("a packed buffer is too short")
	}
	var head [8]byte
	if _, err := b.r.ReadAt(head[:], b.at+p.a); err != nil {
		return nil, b.failed(err)
	}
	size := int64(binary.LittleEndian.Uint64(head[:]))
	if size == -1 {
		return b.raw(p.a+8, p.b-8)
	}
	// Neither codec packs better than this, but for bytes that are all alike.
	if size < 0 || size > maxBuffer || size > 1<<20 && size/4096 > p.b {
		return nil, fmt.Errorf("a packed buffer of %d bytes claims to hold %d", p.b, size)
	}
	src, err := b.raw(p.a+8, p.b-8)
	if err != nil {
		return nil, err
	}
	defer src.Release()
	out := memory.NewResizableBuffer(b.mem)
	out.ResizeNoShrink(int(size))
	if err := b.codecs.unpack(b.codec, out.Bytes(), src.Bytes()); err != nil {
		out.Release()
		return nil, err
	}
	return out, nil
}

func (b *body) raw(at, n int64) (*memory.Buffer, error) {
	out := memory.NewResizableBuffer(b.mem)
	out.ResizeNoShrink(int(n))
	if n == 0 {
		return out, nil
	}
	if _, err := b.r.ReadAt(out.Bytes(), b.at+at); err != nil {
		out.Release()
		return nil, b.failed(err)
	}
	return out, nil
}

// failed says what an error of the file is: that it has shrunk, or the system's.
func (b *body) failed(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it ends too early")
	}
	return fault.Wrap(fault.Retry, err)
}
