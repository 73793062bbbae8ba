package wire

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"

	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/zeebo/xxh3"
)

// mark is what stands behind every part of a block in a stream of several blocks, and in
// place of a block that cannot be had. It is JSON in the application's metadata, behind the
// checksum, of a message without a header.
type mark struct {
	Block int      `json:"block"` // its place in the ticket
	Fault *carried `json:"fault,omitempty"`
}

// sendMany sends the blocks of a ticket one behind the other: the parts of each as they
// would be sent alone, each with a mark behind it.
func (s *flightServer) sendMany(ctx context.Context, stream outgoing, t ticket) error {
	for i, b := range t.Blocks {
		err := guard(func() error { return s.sendOne(ctx, stream, t, i, b) })
		var failed *unsent
		if errors.As(err, &failed) {
			return failed.err
		}
		if err != nil {
			err = sendMark(stream, mark{Block: i, Fault: carry(err)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unsent says that the stream is at its end, and not only a block.
type unsent struct{ err error }

func (u *unsent) Error() string { return u.err.Error() }

// reliable makes what goes wrong with a stream an unsent.
type reliable struct{ outgoing }

func (r reliable) SendMsg(m any) error {
	if err := r.outgoing.SendMsg(m); err != nil {
		return &unsent{err}
	}
	return nil
}

// sendOne sends a block of several.
func (s *flightServer) sendOne(ctx context.Context, stream outgoing, t ticket, i int, b rdd.Block) error {
	frames, err := s.blocks.Block(ctx, t.Run, b)
	if err != nil {
		return err
	}
	defer frames.Release()
	list, release := shrunk(frames.List(), s.mem)
	defer release()
	c := cargoOf(list)
	for part := range c.schemas {
		if err := s.send(reliable{stream}, c, part, t.Codec); err != nil {
			return err
		}
		if err := sendMark(reliable{stream}, mark{Block: i}); err != nil {
			return err
		}
	}
	return nil
}

func sendMark(stream outgoing, m mark) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fault.New(fault.Bug, "%w", err)
	}
	app := binary.LittleEndian.AppendUint64(make([]byte, 0, sumBytes+len(text)), xxh3.Hash(text))
	return stream.SendMsg(&sent{app: append(app, text...)})
}

// Several implements Several. Behind a block that is damaged nothing more of a stream is
// believed: the blocks behind it are asked for in another one.
func (c blocksClient) Several(ctx context.Context, run RunID, blocks []rdd.Block, tell func(i int, frames *rdd.Frames, err error)) error {
	ctx, done := c.pulse.under(ctx)
	defer done()
	for from := 0; from < len(blocks); {
		n, err := c.some(ctx, ticket{Run: run, Blocks: blocks[from:], Codec: c.codec}, func(i int, frames *rdd.Frames, err error) { tell(from+i, frames, err) })
		if err != nil {
			return err
		}
		from += n
	}
	return nil
}

// some asks for the blocks of a ticket and tells of them, up to the first that is damaged.
// It returns how many it has told of.
func (c blocksClient) some(ctx context.Context, t ticket, tell func(int, *rdd.Frames, error)) (int, error) {
	ctx, cancel := context.WithCancel(ctx) // of a stream that is left
	defer cancel()
	stream, err := c.get(ctx, t)
	if err != nil {
		return 0, fromStatus(ctx, c.addr, err, c.refused)
	}
	n, err := c.read(stream, t.Blocks, tell)
	if err != nil {
		return n, fromStatus(ctx, c.addr, err, c.refused)
	}
	if n == len(t.Blocks) {
		end := received{mem: c.mem}
		_ = stream.RecvMsg(&end) // lets it end by itself
		end.release()
	}
	return n, nil
}

// read reads the blocks of a stream up to the first that is damaged. An error is that of
// the stream.
func (c blocksClient) read(stream incoming, blocks []rdd.Block, tell func(int, *rdd.Frames, error)) (int, error) {
	in := &messages{stream: stream, marked: true}
	for i, b := range blocks {
		frames, err := c.one(in, i, b)
		var bad *damage
		switch {
		case err == nil:
			tell(i, frames, nil)
		case in.mark != nil && in.mark.Fault != nil:
			tell(i, nil, c.named(b, in.mark.Fault.fault()))
		case errors.As(err, &bad):
			tell(i, nil, c.damaged(b, bad))
			return i + 1, nil
		default:
			return i, err
		}
	}
	return len(blocks), nil
}

// one reads a block of a stream of several. Where there is a fault in its place, in.mark has
// it.
func (c blocksClient) one(in *messages, i int, b rdd.Block) (*rdd.Frames, error) {
	f := &fetch{arena: codec.NewArena(c.mem, maxDecoded), want: b}
	in.mem = f.arena
	var err error
	for part := 0; err == nil && part < max(f.parts, 1); part++ {
		in.mark = nil
		switch err = f.read(in); {
		case in.mark != nil && in.mark.Block != i:
			in.mark, err = nil, damaged("it is said to be block %d of the list, and not %d", in.mark.Block, i)
		case in.mark != nil && in.mark.Fault != nil:
			err = io.EOF // the caller looks there
		case err == nil && in.mark == nil:
			err = damaged("the stream ends with it, or before")
		}
	}
	return f.taken(err)
}

// takeMark takes a message that is a mark.
func (m *messages) takeMark(in *received) error {
	text := in.app[sumBytes:]
	if xxh3.Hash(text) != binary.LittleEndian.Uint64(in.app) {
		return damaged("the checksum of what is behind it is another")
	}
	var out mark
	if err := json.Unmarshal(text, &out); err != nil {
		return damaged("what is behind it cannot be read: %w", err)
	}
	m.mark = &out
	return nil
}

var _ Several = blocksClient{}
