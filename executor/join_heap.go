package executor

import (
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/executor/spill"
	"github.com/idag/idag/internal/kernel"
)

// room is what an executor has for the rows of joins: so much memory, and a
// directory for what it has no room for.
type room struct {
	dir     string
	limit   int64
	used    atomic.Int64 // by all states of the executor
	spilled atomic.Int64 // bytes written, ever
}

// heap is rows of one side of a join, in memory and on disk.
type heap struct {
	list  []held
	disk  []onDisk
	bytes int64 // that all of them take in memory, those on disk if they were read
}

// held is rows that came together, with the range of their windows.
type held struct {
	cols        []arrow.Array
	rows        int
	first, last int64
	bytes       int64
}

// onDisk is rows in a file. What has left them since they were written is still
// there.
type onDisk struct {
	file *spillFile
	at   spill.Extent
	lot
	rows        int
	first, last int64
	bytes       int64
}

// lot is what rows on disk have in common.
type lot struct {
	part   int    // of their hash at the top level
	sorted bool   // they all leave now, and were divided at some level
	one    bool   // all of their keys have one hash:
	hash   uint64 // this one
}

// spillFile is a file that is closed with the last of those who refer to it.
type spillFile struct {
	*spill.File
	refs int
}

func (f *spillFile) release() {
	if f.refs--; f.refs == 0 {
		_ = f.Close() // what was read of it is here
	}
}

// A heap's batches are put together when so many of about one size have come, as long
// as they are smaller than this: every one costs the same, however few rows it has.
const (
	gatherAt   = 8
	wholeRows  = 8 << 10
	wholeBytes = 2 << 20
)

// push takes over rows.
func (p *heap) push(h held) {
	p.list = append(p.list, h)
	p.bytes += h.bytes
}

// refer adds rows on disk, which others may refer to as well.
func (p *heap) refer(d onDisk) {
	d.file.refs++
	p.disk = append(p.disk, d)
	p.bytes += d.bytes
}

// memory is how many bytes the rows in memory take.
func (p *heap) memory() int64 {
	n := p.bytes
	for _, d := range p.disk {
		n -= d.bytes
	}
	return n
}

// add takes over rows, and puts them together with those before while these are small
// and about as many: a row is copied as often as eight goes into the rows of a whole
// batch.
func (p *heap) add(mem memory.Allocator, h held) error {
	p.push(h)
	for {
		n := p.tail()
		if n < gatherAt {
			return nil
		}
		from := len(p.list) - n
		all, err := concat(mem, p.list[from:])
		if err != nil {
			return err
		}
		for _, h := range p.list[from:] {
			p.bytes -= h.bytes
		}
		releaseHeld(p.list[from:])
		clear(p.list[from:])
		p.list = p.list[:from]
		p.push(all)
	}
}

// tail is how many of the last batches are small and about as large as the last one, or
// smaller.
func (p *heap) tail() int {
	n, most := 0, 0
	for _, h := range slices.Backward(p.list) {
		if size := bits.Len(uint(h.rows)) / 3; n == 0 {
			most = size
		} else if size > most {
			break
		}
		if h.rows >= wholeRows || h.bytes >= wholeBytes {
			break
		}
		n++
	}
	return n
}

// concat puts rows together, at least one batch of them.
func concat(mem memory.Allocator, list []held) (held, error) {
	out := held{cols: make([]arrow.Array, len(list[0].cols)), first: list[0].first, last: list[0].last}
	for _, h := range list {
		out.rows += h.rows
		out.first, out.last = min(out.first, h.first), max(out.last, h.last)
	}
	parts := make([]arrow.Array, len(list))
	for i := range out.cols {
		for k, h := range list {
			parts[k] = h.cols[i]
		}
		var err error
		if out.cols[i], err = kernel.Concat(mem, parts); err != nil {
			releaseAll(out.cols)
			return held{}, err
		}
		out.bytes += bytesOf(out.cols[i])
	}
	return out, nil
}

// take gathers rows of h; their windows are as those of h.
func (h *held) take(mem memory.Allocator, rows []int32) held {
	out := held{cols: make([]arrow.Array, len(h.cols)), rows: len(rows), first: h.first, last: h.last}
	for i, c := range h.cols {
		out.cols[i] = kernel.Take(mem, c, rows)
		out.bytes += bytesOf(out.cols[i])
	}
	return out
}

func (h *held) retain() {
	for _, c := range h.cols {
		c.Retain()
	}
}

func (p *heap) rows() int {
	n := 0
	for _, h := range p.list {
		n += h.rows
	}
	for _, d := range p.disk {
		n += d.rows
	}
	return n
}

func (p *heap) release() {
	for _, h := range p.list {
		releaseAll(h.cols)
	}
	for _, d := range p.disk {
		d.file.release()
	}
	*p = heap{}
}

// write writes rows to a file.
func (r *room) write(mem memory.Allocator, f *spillFile, h held, of lot) (onDisk, error) {
	cols := make([]arrow.Array, len(h.cols))
	defer releaseAll(cols)
	for i, c := range h.cols {
		var err error
		if cols[i], err = own(mem, c); err != nil {
			return onDisk{}, err
		}
	}
	b := record(func(int) string { return "" }, cols, h.rows)
	defer b.Release()
	at, err := f.Append(b)
	r.spilled.Add(at.Size)
	return onDisk{file: f, at: at, lot: of, rows: h.rows, first: h.first, last: h.last, bytes: h.bytes}, err
}

// own returns a column whose dictionary, if it has one, is not longer than the
// column: it would be written with each.
func own(mem memory.Allocator, a arrow.Array) (arrow.Array, error) {
	d, ok := a.(*array.Dictionary)
	if !ok || d.Dictionary().Len() <= a.Len() {
		a.Retain()
		return a, nil
	}
	none := kernel.Nulls(mem, arrow.BinaryTypes.String, 0)
	defer none.Release()
	return kernel.Concat(mem, []arrow.Array{a, none})
}

// read reads rows from disk. The caller releases them.
func (d *onDisk) read(mem memory.Allocator) (held, error) {
	b, err := d.file.Read(d.at, mem)
	if err != nil {
		return held{}, err
	}
	defer b.Release()
	out := held{cols: append([]arrow.Array(nil), b.Columns()...), rows: int(b.NumRows()), first: d.first, last: d.last, bytes: d.bytes}
	out.retain()
	return out, nil
}

// newFile makes a file to spill to.
func (r *room) newFile() (*spillFile, error) {
	f, err := spill.Create(r.dir)
	if err != nil {
		return nil, err
	}
	return &spillFile{File: f, refs: 1}, nil
}

// spillHeap writes the rows of a heap to a file and leaves them there only.
func (r *room) spillHeap(mem memory.Allocator, f *spillFile, p *heap, of lot) error {
	for i, h := range p.list {
		d, err := r.write(mem, f, h, of)
		if err != nil {
			p.list = p.list[i:]
			return err
		}
		p.bytes -= h.bytes
		p.refer(d)
		releaseAll(h.cols)
	}
	p.list = nil
	return nil
}

// bytesOf is about how much memory the rows of a column take. Of a dictionary they
// count their share, for it is shared by others.
func bytesOf(a arrow.Array) int64 {
	if a.Len() == 0 {
		return 0
	}
	if s, ok := a.(*array.String); ok {
		return int64(len(s.ValueBytes())) + 4*int64(s.Len()+1)
	}
	data := a.Data()
	n := int64(0)
	for _, b := range data.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, c := range data.Children() {
		n += bytesOfData(c)
	}
	if d, ok := a.(*array.Dictionary); ok && d.Dictionary().Len() > 0 {
		whole := bytesOf(d.Dictionary())
		n += min(whole, whole*int64(a.Len())/int64(d.Dictionary().Len()))
	}
	return n
}

func bytesOfData(d arrow.ArrayData) int64 {
	a := array.MakeFromData(d)
	defer a.Release()
	return bytesOf(a)
}
