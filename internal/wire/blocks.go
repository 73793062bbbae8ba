package wire

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/zeebo/xxh3"
	"google.golang.org/grpc"
)

const doGet = "/arrow.flight.protocol.FlightService/DoGet"

// Limits of a block that comes in.
const (
	maxFrames  = 1 << 20
	maxDecoded = 4 << 30 // bytes of memory
)

// blocksClient are the blocks of another process.
type blocksClient struct {
	peer
	mem   memory.Allocator
	codec string
}

// Block fetches a block. What comes is compared with what it should be; a block that is
// another, or damaged, is as good as lost.
func (c blocksClient) Block(ctx context.Context, run RunID, b rdd.Block) (*rdd.Frames, error) {
	ctx, done := c.pulse.under(ctx) // of the streams too, wherever they are left
	defer done()
	f := &fetch{arena: codec.NewArena(c.mem, maxDecoded), want: b}
	var err error
	for part := 0; err == nil && part < max(f.parts, 1); part++ {
		err = c.part(ctx, f, ticket{Run: run, Block: b, Part: &part, Codec: c.codec})
	}
	out, err := f.taken(err)
	if err != nil {
		return nil, c.classify(ctx, b, err)
	}
	return out, nil
}

// part fetches one part of a block.
func (c blocksClient) part(ctx context.Context, f *fetch, t ticket) error {
	stream, err := c.get(ctx, t)
	if err != nil {
		return err
	}
	return f.read(&messages{stream: stream, mem: f.arena})
}

// get asks for what a ticket says.
func (c blocksClient) get(ctx context.Context, t ticket) (grpc.ClientStream, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, fault.New(fault.Bug, "%w", err)
	}
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "DoGet", ServerStreams: true}, doGet,
		grpc.ForceCodecV2(newCodec()), grpc.MaxCallRecvMsgSize(maxBody+maxMessage))
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(&flight.Ticket{Ticket: text}); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	return stream, nil
}

// classify says of an error who has to act.
func (c blocksClient) classify(ctx context.Context, b rdd.Block, err error) error {
	var bad *damage
	if errors.As(err, &bad) {
		return c.damaged(b, bad)
	}
	return c.named(b, fromStatus(ctx, c.addr, err, c.refused))
}

// damaged says of a block that it is as good as lost.
func (c blocksClient) damaged(b rdd.Block, bad *damage) error {
	return fault.Wrap(fault.Lost, &lost{remote{text: fmt.Sprintf("%s: the block of batch %d, stage %d, task %d, key group %d is not as it should be: %v",
		c.addr, b.Batch, b.Stage, b.Task, b.Partition, bad.err), cause: bad.err}, []rdd.Block{b}})
}

// named has a fault.Lost name the block.
func (c blocksClient) named(b rdd.Block, err error) error {
	var m missing
	if fault.Of(err) == fault.Lost && !errors.As(err, &m) {
		return fault.Wrap(fault.Lost, &lost{remote{text: err.Error(), cause: err}, []rdd.Block{b}})
	}
	return err
}

// damage is what is wrong with a block that came.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

func damaged(format string, args ...any) error { return &damage{fmt.Errorf(format, args...)} }

// fetch is a block that is being fetched.
type fetch struct {
	arena *codec.Arena
	want  rdd.Block
	parts int
	list  []rdd.Frame // by place; those that are not there yet have no source
	there []bool
	rows  int64
	check codec.Checker
}

// read reads the frames of one part. A panic there means that something is not what it
// says.
func (f *fetch) read(in *messages) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = damaged("it is corrupt: %v", p)
		}
	}()
	r, err := ipc.NewReaderFromMessageReader(in, ipc.WithAllocator(f.arena))
	if err != nil {
		return in.cause(err)
	}
	defer r.Release()
	schema, err := f.begin(r.Schema())
	if err != nil {
		return err
	}
	var heads headers
	for r.Next() {
		if err := f.keep(&heads, schema, r.RecordBatch(), in.head); err != nil {
			return err
		}
	}
	return in.cause(r.Err())
}

// begin reads what the schema says of the block, and returns it as it was before it was
// sent.
func (f *fetch) begin(s *arrow.Schema) (*arrow.Schema, error) {
	meta := s.Metadata()
	number := func(key string) int {
		text, _ := meta.GetValue(key)
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxFrames {
			return -1
		}
		return n
	}
	frames, parts := number(metaFrames), number(metaParts)
	switch {
	case frames < 0 || parts < 1 || parts > max(frames, 1):
		return nil, damaged("it does not say how many frames it has")
	case f.parts == 0:
		f.parts, f.list, f.there = parts, make([]rdd.Frame, frames), make([]bool, frames)
	case f.parts != parts || len(f.list) != frames:
		return nil, damaged("its parts do not belong together")
	}
	var keys, values []string
	for i, k := range meta.Keys() {
		if k != metaFrames && k != metaParts {
			keys, values = append(keys, k), append(values, meta.Values()[i])
		}
	}
	if keys == nil {
		return arrow.NewSchema(s.Fields(), nil), nil
	}
	own := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(s.Fields(), &own), nil
}

// keep keeps a frame at its place.
func (f *fetch) keep(heads *headers, schema *arrow.Schema, b arrow.RecordBatch, head []byte) error {
	if err := f.check.Batch(b); err != nil {
		return &damage{err}
	}
	header, at, bare, err := heads.read(head, int(b.NumRows()))
	if err != nil {
		return &damage{err}
	}
	f.rows += b.NumRows()
	switch {
	case at < 0 || at >= len(f.list) || f.there[at]:
		return damaged("it has a frame %d of %d, or has it twice", at, len(f.list))
	case f.rows > f.want.Rows:
		return damaged("it has more rows than %d", f.want.Rows)
	case bare && b.NumRows() > 0:
		return damaged("a frame without rows has some")
	}
	f.there[at] = true
	f.list[at].Header = header
	if !bare {
		f.list[at].Batch = array.NewRecordBatch(schema, b.Columns(), b.NumRows())
	}
	return nil
}

// taken hands over what was fetched, or gives it up where it ended with an error.
func (f *fetch) taken(err error) (*rdd.Frames, error) {
	var out *rdd.Frames
	if err == nil {
		out, err = f.frames()
	}
	if err != nil {
		f.release()
		f.arena.Sweep()
		return nil, err
	}
	return out, nil
}

// frames hands over what was fetched.
func (f *fetch) frames() (*rdd.Frames, error) {
	for i, there := range f.there {
		if !there {
			return nil, damaged("frame %d of %d is missing", i, len(f.list))
		}
	}
	if f.rows != f.want.Rows {
		return nil, damaged("it has %d rows instead of %d", f.rows, f.want.Rows)
	}
	defer f.release()
	out := new(rdd.Frames)
	for i := range f.list {
		out.Keep(&f.list[i])
	}
	return out, nil
}

func (f *fetch) release() {
	for i := range f.list {
		if b := f.list[i].Batch; b != nil {
			b.Release()
			f.list[i].Batch = nil
		}
	}
}

// messages are those of a Flight stream, for an ipc.Reader. Each is compared with its
// checksum before anything reads it.
type messages struct {
	stream incoming
	mem    memory.Allocator
	last   *ipc.Message
	head   []byte // of the frame, if last is a batch
	err    error
	marked bool  // it is a stream of several blocks
	mark   *mark // that has ended the last part
}

// cause is why reading has ended: err is what the reader makes of it.
func (m *messages) cause(err error) error {
	switch {
	case m.err != nil:
		return m.err
	case err != nil:
		return &damage{err}
	}
	return nil
}

// Message returns the next message, which is valid until the next call.
func (m *messages) Message() (*ipc.Message, error) {
	m.Release()
	if m.err != nil {
		return nil, m.err
	}
	in := received{mem: m.mem}
	err := m.stream.RecvMsg(&in)
	defer in.release()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err == nil {
		err = m.take(&in)
	}
	if err != nil {
		m.err = err
		return nil, err
	}
	if m.last == nil {
		return nil, io.EOF // of the part
	}
	return m.last, nil
}

// take makes a message of what came.
func (m *messages) take(in *received) error {
	if len(in.app) < sumBytes {
		return damaged("a message has no checksum")
	}
	if m.marked && len(in.header) == 0 {
		return m.takeMark(in)
	}
	if in.body == nil {
		in.body = memory.NewBufferBytes(nil)
	}
	sum := xxh3.New()
	_, _ = sum.Write(in.header)
	_, _ = sum.Write(in.body.Bytes())
	_, _ = sum.Write(in.app[sumBytes:])
	if sum.Sum64() != binary.LittleEndian.Uint64(in.app) {
		return damaged("its checksum is another")
	}
	_, size, err := codec.Verify(in.header)
	switch {
	case err != nil:
		return &damage{err}
	case size != int64(in.body.Len()):
		return damaged("a message has %d bytes instead of %d", in.body.Len(), size)
	}
	m.head = in.app[sumBytes:]
	m.last = ipc.NewMessage(memory.NewBufferBytes(in.header), in.body)
	return nil
}

// Retain and Release are of ipc.MessageReader, which has one owner here.
func (m *messages) Retain() {}

// Release lets the last message go.
func (m *messages) Release() {
	if m.last != nil {
		m.last.Release()
		m.last = nil
	}
}

var (
	_ Blocks            = blocksClient{}
	_ ipc.MessageReader = (*messages)(nil)
)
