package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
)

// MaxRow bounds a row that is encoded, in bytes.
const MaxRow = 16 << 20

// EncodeRow returns a batch of one row as an Arrow stream, without compression. A row that
// takes more than [MaxRow] is fault.Invalid.
func EncodeRow(b arrow.RecordBatch) ([]byte, error) {
	if b.NumRows() != 1 {
		return nil, fault.New(fault.Bug, "%d rows are not one", b.NumRows())
	}
	out := bounded{}
	// On the heap of Go, for arrow-go takes what it allocates to be zero.
	w := ipc.NewWriter(&out, ipc.WithSchema(b.Schema()))
	err := errors.Join(w.Write(b), w.Close())
	switch {
	case out.full:
		return nil, fault.New(fault.Invalid, "a row is too large: it takes more than %d MiB", MaxRow>>20)
	case err != nil:
		return nil, fault.New(fault.Bug, "a row cannot be encoded: %w", err)
	}
	return out.b.Bytes(), nil
}

// bounded keeps what is written, up to the size of a row.
type bounded struct {
	b    bytes.Buffer
	full bool
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.full = w.full || w.b.Len()+len(p) > MaxRow; w.full {
		return 0, io.ErrShortWrite
	}
	return w.b.Write(p)
}

// DecodeRow returns the row that [EncodeRow] wrote, its buffers in mem. What is no such
// row is fault.Lost.
func DecodeRow(raw []byte, mem memory.Allocator) (row arrow.RecordBatch, err error) {
	arena := NewArena(mem, 4*MaxRow)
	defer func() {
		if p := recover(); p != nil { // arrow-go finds what it never expects
			err = fault.New(fault.Lost, "a row cannot be decoded: %v", p)
		}
		if err != nil {
			arena.Sweep()
		}
	}()
	in := &messages{raw: raw, mem: arena}
	if len(raw) > MaxRow {
		return nil, fault.New(fault.Lost, "a row cannot be decoded: it has %d bytes", len(raw))
	}
	if row, err = in.row(); err != nil {
		return nil, fault.New(fault.Lost, "a row cannot be decoded: %w", err)
	}
	return row, nil
}

// messages are those of a stream in memory, for an ipc.Reader. Each body is a buffer of
// its own in mem.
type messages struct {
	raw  []byte
	mem  memory.Allocator
	last *ipc.Message
}

// row reads the one batch that there is, of one row.
func (m *messages) row() (arrow.RecordBatch, error) {
	defer m.Release()
	r, err := ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(m.mem))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if !r.Next() {
		return nil, errors.Join(io.ErrUnexpectedEOF, r.Err())
	}
	row := r.RecordBatch()
	if err := new(Checker).Batch(row); err != nil {
		return nil, err
	}
	if row.NumRows() != 1 {
		return nil, errMessage
	}
	row = array.NewRecordBatch(arrow.NewSchema(row.Schema().Fields(), nil), row.Columns(), 1)
	if r.Next() || r.Err() != nil || len(m.raw) > 0 {
		row.Release()
		return nil, errors.Join(errMessage, r.Err())
	}
	return row, nil
}

// Message returns the next message, which is valid until the next call.
func (m *messages) Message() (*ipc.Message, error) {
	m.Release()
	const continued = 0xffffffff
	if len(m.raw) < 8 || binary.LittleEndian.Uint32(m.raw) != continued {
		return nil, errMessage
	}
	size := int64(binary.LittleEndian.Uint32(m.raw[4:]))
	m.raw = m.raw[8:]
	if size == 0 {
		return nil, io.EOF
	}
	if size > int64(len(m.raw)) {
		return nil, errMessage
	}
	meta := m.raw[:size]
	kind, length, err := Verify(meta)
	m.raw = m.raw[size:]
	switch {
	case err != nil:
		return nil, err
	case length > int64(len(m.raw)) || kind == DictionaryMessage || compressed(kind, meta):
		return nil, errMessage
	}
	body := memory.NewResizableBuffer(m.mem)
	defer body.Release()
	body.Resize(int(length))
	copy(body.Bytes(), m.raw)
	m.raw = m.raw[length:]
	m.last = ipc.NewMessage(memory.NewBufferBytes(meta), body)
	return m.last, nil
}

// compressed reports whether a message's body is, so that few bytes could become many.
func compressed(kind MessageKind, meta []byte) bool {
	if kind != BatchMessage {
		return false
	}
	m := table{flatTable(meta)}
	header := m.union(2)
	return header.Offset(slot(3)) != 0
}

// Retain is of ipc.MessageReader, which has one owner here.
func (m *messages) Retain() {}

// Release lets the last message go.
func (m *messages) Release() {
	if m.last != nil {
		m.last.Release()
		m.last = nil
	}
}
