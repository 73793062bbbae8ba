package arrow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
)

const (
	magic   = "ARROW1"
	maxMeta = 64 << 20 // of a message's metadata or a footer
)

// index is where everything in a file lies. A stream has none of its own: its
// messages are walked once, from head to head.
type index struct {
	path    string
	size    int64
	changed int64 // as the handle says
	schema  *arrow.Schema
	nodes   []node
	dicts   []dictionary
	batches []batch
}

// dictionary is a dictionary batch.
type dictionary struct {
	block
	id     int64
	delta  bool
	before int // batches that come before it
	data   table
}

// batch is a record batch.
type batch struct {
	block
	data  table
	first int64 // row of the file
	rows  int64
}

// openIndex reads what a file says of itself, and no rows.
func openIndex(ctx context.Context, places *files.Places, path string) (*index, error) {
	f, err := places.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	x := &index{path: path, size: f.Size, changed: f.Changed}
	if err := guard(func() error { return x.read(f) }); err != nil {
		if fault.Of(err) != fault.Bug {
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "%s: not an Arrow IPC file or stream, or not a whole one: %w", path, err)
	}
	return x, nil
}

func (x *index) read(r io.ReaderAt) error {
	head := make([]byte, 8)
	if _, err := r.ReadAt(head, 0); err != nil {
		return short(err)
	}
	if string(head[:len(magic)]) != magic {
		return x.walk(r)
	}
	if err := x.footer(r); err != nil {
		return err
	}
	var err error
	if len(x.nodes) == 0 && x.schema == nil {
		err = errors.New("it has no schema")
	}
	return err
}

// short says that a file ended too early.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return err
}

// footer reads a file's footer and the metadata of the messages it lists.
func (x *index) footer(r io.ReaderAt) error {
	tail := make([]byte, 4+len(magic))
	if x.size < int64(2*8+len(tail)) {
		return errors.New("it ends too early")
	}
	if _, err := r.ReadAt(tail, x.size-int64(len(tail))); err != nil {
		return short(err)
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if string(tail[4:]) != magic || n > maxMeta || n > x.size-int64(len(tail))-8 {
		return errors.New("it has no footer: it was not written to its end")
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, x.size-int64(len(tail))-n); err != nil {
		return short(err)
	}
	if err := x.first(r); err != nil {
		return err
	}
	t := root(b)
	for _, p := range t.blocks(2) {
		if err := x.add(r, p.a); err != nil {
			return err
		}
	}
	for i := range x.dicts {
		x.dicts[i].before = 0 // those of a file hold for all of its batches
	}
	for _, p := range t.blocks(3) {
		if err := x.add(r, p.a); err != nil {
			return err
		}
	}
	return nil
}

// first reads the schema, which comes first in a file.
func (x *index) first(r io.ReaderAt) error {
	b, m, err := x.message(r, 8)
	if err != nil {
		return err
	}
	if m.kind != msgSchema {
		return errors.New("it does not begin with a schema")
	}
	x.schema, x.nodes, err = schemaOf(b.meta)
	return err
}

// walk goes from message to message of a stream.
func (x *index) walk(r io.ReaderAt) error {
	for at := int64(0); at < x.size; {
		b, m, err := x.message(r, at)
		if err != nil {
			return err
		}
		if b.meta == nil { // the end of the stream
			break
		}
		if at == 0 {
			if m.kind != msgSchema {
				return errors.New("it does not begin with a schema")
			}
			x.schema, x.nodes, err = schemaOf(b.meta)
		} else {
			err = x.take(b, m)
		}
		if err != nil {
			return err
		}
		at = b.at + b.body
	}
	if x.schema == nil {
		return errors.New("it has no schema")
	}
	return nil
}

// message reads the metadata of the message at an offset. Metadata without bytes
// ends a stream.
func (x *index) message(r io.ReaderAt, at int64) (b block, m message, err error) {
	head := make([]byte, 8)
	n, err := r.ReadAt(head, at)
	if n < 4 {
		return b, m, short(err)
	}
	size, skip := binary.LittleEndian.Uint32(head), int64(4)
	if size == 0xffffffff {
		size, skip = binary.LittleEndian.Uint32(head[4:]), 8
	}
	if size == 0 {
		return b, m, nil
	}
	if int64(size) > maxMeta || at < 0 || at+skip+int64(size) > x.size {
		return b, m, fmt.Errorf("the message at byte %d does not fit into it", at)
	}
	b.meta = make([]byte, size)
	if _, err := r.ReadAt(b.meta, at+skip); err != nil {
		return b, m, short(err)
	}
	if m, err = readMessage(b.meta); err != nil {
		return b, m, err
	}
	b.at, b.body = at+skip+int64(size), m.body
	if b.body > x.size-b.at {
		return b, m, fmt.Errorf("the message at byte %d does not fit into it", at)
	}
	return b, m, nil
}

func (x *index) add(r io.ReaderAt, at int64) error {
	b, m, err := x.message(r, at)
	if err != nil {
		return err
	}
	if b.meta == nil {
		return fmt.Errorf("there is no message at byte %d", at)
	}
	return x.take(b, m)
}

// take notes a message.
func (x *index) take(b block, m message) error {
	switch m.kind {
	case msgDictionary:
		data, ok := m.header.sub(1)
		if !ok {
			return errors.New("a dictionary has no values")
		}
		x.dicts = append(x.dicts, dictionary{block: b, id: m.header.int64(0), delta: m.header.GetBoolSlot(slot(2), false), before: len(x.batches), data: data})
	case msgBatch:
		rows := m.header.int64(0)
		if rows < 0 || rows > 1<<31-1 {
			return fmt.Errorf("a batch claims to have %d rows", rows)
		}
		first := int64(0)
		if n := len(x.batches); n > 0 {
			first = x.batches[n-1].first + x.batches[n-1].rows
		}
		x.batches = append(x.batches, batch{block: b, data: m.header, first: first, rows: rows})
	default:
		return fmt.Errorf("a message of kind %d is not supported", m.kind)
	}
	return nil
}

// rows of the file.
func (x *index) rows() int64 {
	if n := len(x.batches); n > 0 {
		return x.batches[n-1].first + x.batches[n-1].rows
	}
	return 0
}
