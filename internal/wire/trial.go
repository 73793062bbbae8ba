package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// TrialResult is how fast this machine moves blocks between two of its processes, in
// gigabytes (10⁹) of column values a second: medians of alternating runs.
type TrialResult struct {
	BlockGBps float64 // as blocks over Flight, from arrays to arrays
	LZ4GBps   float64 // the same, compressed
	GRPCGBps  float64 // the same bytes in plain gRPC messages of 1 MiB, from bytes to bytes
}

const (
	trialRuns    = 5
	trialRows    = 16 << 10 // of a frame
	trialMessage = 1 << 20
)

// TrialBlocks measures moving a block of about so many bytes over the loopback.
func TrialBlocks(ctx context.Context, bytes int64) (TrialResult, error) {
	frames, size := trialFrames(bytes)
	defer frames.Release()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return TrialResult{}, fault.New(fault.Retry, "no port to listen on: %w", err)
	}
	s, err := Serve(ctx, ServerConfig{Listener: l, Security: Plain(), Blocks: trialBlocks{frames}, Mem: memory.DefaultAllocator, extra: trialService(frames)})
	if err != nil {
		return TrialResult{}, err
	}
	defer func() { _ = s.Close() }()
	c, err := Dial(s.Addr(), Plain(), memory.DefaultAllocator)
	if err != nil {
		return TrialResult{}, err
	}
	defer func() { _ = c.Close() }()
	blocks := func(codec string) func() error {
		b := c.Blocks().(blocksClient)
		b.codec = codec
		return func() error {
			got, err := b.Block(ctx, "trial/1", rdd.Block{Rows: frames.Rows()})
			if err == nil {
				got.Release()
			}
			return err
		}
	}
	ways := []func() error{blocks(codecNone), blocks(""), func() error { return c.trialCopy(ctx, size) }}
	rates := make([][]float64, len(ways))
	for range trialRuns + 1 {
		for i, way := range ways {
			began := time.Now()
			if err := way(); err != nil {
				return TrialResult{}, err
			}
			rates[i] = append(rates[i], float64(size)/1e9/time.Since(began).Seconds())
		}
	}
	median := func(r []float64) float64 { // but for the first, which warms up
		slices.Sort(r[1:])
		return r[1+trialRuns/2]
	}
	return TrialResult{median(rates[0]), median(rates[1]), median(rates[2])}, nil
}

// trialFrames makes frames of columns as events have them, and counts their bytes.
func trialFrames(bytes int64) (*rdd.Frames, int64) {
	const columns = 10
	out, size := new(rdd.Frames), int64(0)
	fields := make([]arrow.Field, columns)
	for i := range fields {
		fields[i] = arrow.Field{Name: string(rune('a' + i)), Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	}
	schema, seed := arrow.NewSchema(fields, nil), uint64(1)
	for size == 0 || size < bytes {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range columns {
			col := b.Field(i).(*array.Int64Builder)
			for row := range trialRows {
				seed = seed*6364136223846793005 + 1442695040888963407
				col.Append(int64(row) + int64(seed>>(40+2*i))) // some hardly compress, some do
			}
		}
		batch := b.NewRecordBatch()
		out.Keep(&rdd.Frame{Header: rdd.Header{Labels: 1, Origin: rdd.Origin{First: int64(len(out.List())) * trialRows}}, Batch: batch})
		batch.Release()
		b.Release()
		size += columns * trialRows * 8
	}
	return out, size
}

// trialBlocks has one block.
type trialBlocks struct{ frames *rdd.Frames }

func (t trialBlocks) Block(context.Context, RunID, rdd.Block) (*rdd.Frames, error) {
	out := new(rdd.Frames)
	for i := range t.frames.List() {
		out.Keep(&t.frames.List()[i])
	}
	return out, nil
}

// trialService serves the bytes of frames as they are.
func trialService(frames *rdd.Frames) func(*grpc.Server) {
	copyAll := func(_ any, stream grpc.ServerStream) error {
		for _, f := range frames.List() {
			for _, c := range f.Batch.Columns() {
				for values := range slices.Chunk(c.Data().Buffers()[1].Bytes()[:8*c.Len()], trialMessage) {
					if err := stream.SendMsg(wrapperspb.Bytes(values)); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	return func(r *grpc.Server) {
		r.RegisterService(&grpc.ServiceDesc{ServiceName: "idag.Trial", HandlerType: (*any)(nil),
			Streams: []grpc.StreamDesc{{StreamName: "Copy", Handler: copyAll, ServerStreams: true}}}, struct{}{})
	}
}

// trialCopy receives the bytes of frames.
func (c *Client) trialCopy(ctx context.Context, size int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "Copy", ServerStreams: true}, "/idag.Trial/Copy")
	if err == nil {
		err = stream.CloseSend()
	}
	got := int64(0)
	for err == nil {
		var m wrapperspb.BytesValue
		err = stream.RecvMsg(&m)
		got += int64(len(m.Value))
	}
	if !errors.Is(err, io.EOF) {
		return fromStatus(ctx, c.addr, err, fault.Retry)
	}
	if got != size {
		return fault.New(fault.Bug, "%d bytes came of %d", got, size)
	}
	return nil
}
