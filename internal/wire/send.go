package wire

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/zeebo/xxh3"
	"google.golang.org/grpc/mem"
)

// maxBody bounds the body of one message of a block, as it is sent: a row or a
// dictionary that needs more cannot go over the wire.
const maxBody = 256 << 20

// sumBytes is how many bytes of the application's metadata are the checksum.
const sumBytes = 8

// outgoing and incoming are the sides of a stream.
type (
	outgoing interface{ SendMsg(m any) error }
	incoming interface{ RecvMsg(m any) error }
)

// sender writes frames of one schema as the messages of a Flight stream. Each message
// has in its application metadata the xxh3-64 of all else in it, little end first, and
// behind that a batch has the frame's header.
type sender struct {
	stream  outgoing
	schema  *arrow.Schema
	mem     memory.Allocator
	buffers *pool
	w       *ipc.Writer
	heads   headers
	head    []byte // of the next batch
}

func (s *flightServer) sender(stream outgoing, schema *arrow.Schema, codec string) *sender {
	out := &sender{stream: stream, schema: schema, mem: s.mem, buffers: s.buffers}
	options := []ipc.Option{ipc.WithSchema(schema), ipc.WithAllocator(s.mem)}
	if codec != codecNone {
		options = append(options, ipc.WithLZ4())
	}
	out.w = ipc.NewWriterWithPayloadWriter(out, options...)
	return out
}

// frame sends a piece of a frame, which is number at of those of the block.
func (s *sender) frame(f *rdd.Frame, p piece, at int) error {
	batch := f.Batch
	header := f.Header
	switch {
	case batch == nil:
		batch = empty0(s.schema, s.mem)
		defer batch.Release()
	case p.from > 0 || int64(p.to) < batch.NumRows():
		batch = batch.NewSlice(int64(p.from), int64(p.to))
		defer batch.Release()
		header = slice(&header, p.from, p.to)
	}
	var err error
	if s.head, err = s.heads.write(s.head[:0], &header, at, f.Batch == nil); err != nil {
		return err
	}
	return s.w.Write(batch)
}

// empty0 is a batch without rows.
func empty0(schema *arrow.Schema, m memory.Allocator) arrow.RecordBatch {
	b := array.NewRecordBuilder(m, schema)
	defer b.Release()
	return b.NewRecordBatch()
}

// end says that this was all.
func (s *sender) end() error { return s.w.Close() }

// close gives up what the writer holds.
func (s *sender) close() { _ = s.w.Close() }

// Start is of ipc.PayloadWriter, as Close and WritePayload.
func (s *sender) Start() error { return nil }

// Close ends nothing: the stream ends with the call.
func (s *sender) Close() error { return nil }

// WritePayload sends one message.
func (s *sender) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	kind, size, err := codec.Verify(meta.Bytes())
	if err != nil {
		return err
	}
	if size > maxBody {
		return fault.New(fault.Invalid, "a row or a dictionary is too large to be sent: %d bytes, a message may have %d", size, maxBody)
	}
	m := &sent{header: append([]byte(nil), meta.Bytes()...)}
	sum := xxh3.New()
	_, _ = sum.Write(m.header)
	if size > 0 {
		body := s.buffers.Get(int(size))
		w := into{(*body)[:0]}
		if err := p.SerializeBody(&w); err != nil {
			s.buffers.Put(body)
			return err
		}
		*body = w.b
		_, _ = sum.Write(w.b)
		m.body = mem.NewBuffer(body, s.buffers)
	}
	if kind == codec.BatchMessage {
		_, _ = sum.Write(s.head)
	}
	m.app = binary.LittleEndian.AppendUint64(make([]byte, 0, sumBytes+len(s.head)), sum.Sum64())
	if kind == codec.BatchMessage {
		m.app = append(m.app, s.head...)
	}
	err = s.stream.SendMsg(m)
	if m.body != nil { // it never came to be marshalled
		m.body.Free()
	}
	return err
}

// into appends what is written.
type into struct{ b []byte }

func (w *into) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

var _ ipc.PayloadWriter = (*sender)(nil)
