package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	kinds "github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

// stock are blocks by their tasks; one that it has not is lost, of task 666 is worse.
type stock map[int]*rdd.Frames

func (s stock) Block(_ context.Context, _ RunID, b rdd.Block) (*rdd.Frames, error) {
	frames, ok := s[b.Task]
	switch {
	case b.Task == 666:
		panic("a mistake")
	case !ok:
		return nil, fault.New(fault.Lost, "it is gone")
	}
	out := new(rdd.Frames)
	for i := range frames.List() {
		out.Keep(&frames.List()[i])
	}
	return out, nil
}

// market is a stock that changes while an answer that nobody waits for any more is still made.
type market struct {
	mu sync.Mutex
	stock
}

func (m *market) Block(ctx context.Context, run RunID, b rdd.Block) (*rdd.Frames, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stock.Block(ctx, run, b)
}

// fill takes over blocks, settled as those of a store are: an array makes the array of its
// dictionary when that is asked for first.
func (m *market) fill(has stock) {
	for _, frames := range has {
		for i := range frames.List() {
			if b := frames.List()[i].Batch; b != nil {
				for _, c := range b.Columns() {
					kinds.Settle(c)
				}
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.stock, has)
}

// empty releases what there is.
func (m *market) empty() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, frames := range m.stock {
		frames.Release()
	}
	clear(m.stock)
}

// heard is what was told of a block.
type heard struct {
	frames *rdd.Frames
	err    error
}

// gather asks for blocks. What comes is the test's to release.
func gather(ctx context.Context, t rapid.TB, c *Client, codec string, list []rdd.Block) ([]heard, error) {
	blocks := c.Blocks().(blocksClient)
	blocks.codec = codec
	var out []heard
	err := blocks.Several(ctx, "j/1", list, func(i int, frames *rdd.Frames, err error) {
		if i != len(out) {
			t.Errorf("told of block %d behind %d others", i, len(out))
		}
		out = append(out, heard{frames, err})
	})
	return out, err
}

// isLost reports whether an error says that a block is lost, this one and no other.
func isLost(err error, b rdd.Block) bool {
	var m missing
	return fault.Of(err) == fault.Lost && errors.As(err, &m) && len(m.MissingBlocks()) == 1 && m.MissingBlocks()[0] == b
}

// Several blocks come as each would come alone, in their order, with every type and
// several schemas a block; one that is not there, one that another executor has mistaken for
// another, and one at which it fails cost the others nothing. Nothing stays anywhere.
func TestSeveralComeAsTheyAre(t *testing.T) {
	serverMem, clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator), memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer clientMem.AssertSize(t, 0)
	defer serverMem.AssertSize(t, 0)
	m := &market{stock: stock{}}
	s := serve(t, ServerConfig{Security: Plain(), Mem: serverMem, Blocks: m})
	c := dial(t, s.Addr(), Plain(), clientMem)
	rapid.Check(t, func(rt *rapid.T) {
		defer m.empty()
		has := stock{}
		var list []rdd.Block
		for i := range rapid.IntRange(0, 5).Draw(rt, "blocks") {
			b := rdd.Block{Task: i, Node: "n"}
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
			case 1:
				b.Task = 666
			default:
				has[i] = drawFrames(rt, serverMem)
				if b.Rows = has[i].Rows(); rapid.IntRange(0, 9).Draw(rt, "one of ten is another") == 0 {
					b.Rows++
				}
			}
			list = append(list, b)
		}
		m.fill(has)
		got, err := gather(t.Context(), rt, c, rapid.SampledFrom([]string{"", codecNone}).Draw(rt, "codec"), list)
		if err != nil || len(got) != len(list) {
			rt.Fatalf("%d of %d blocks: %v", len(got), len(list), err)
		}
		for i, b := range list {
			switch sent, ok := has[b.Task]; {
			case b.Task == 666:
				if fault.Of(got[i].err) != fault.Bug || !strings.Contains(got[i].err.Error(), "a mistake") {
					rt.Fatalf("block %d: %v", i, got[i].err)
				}
			case !ok || b.Rows != sent.Rows():
				if !isLost(got[i].err, b) {
					rt.Fatalf("block %d: %v", i, got[i].err)
				}
			case got[i].err != nil:
				rt.Fatalf("block %d: %v", i, got[i].err)
			default:
				same(t, got[i].frames, sent)
				got[i].frames.Release()
			}
		}
	})
	_ = s.Close()
	_ = c.Close()
}

// three are blocks of two parts and frames without rows, and their list.
func three(t testing.TB) (stock, []rdd.Block) {
	t.Helper()
	has, list := stock{}, make([]rdd.Block, 3)
	for i := range list {
		has[i] = specimens(t)
		t.Cleanup(has[i].Release)
		list[i] = rdd.Block{Batch: 4, Task: i, Rows: has[i].Rows()}
	}
	return has, list
}

// recordMany makes the messages of a list.
func recordMany(t testing.TB, has Blocks, list []rdd.Block, codec string) [][]byte {
	t.Helper()
	s := &flightServer{mem: memory.DefaultAllocator, buffers: new(pool), blocks: has}
	var p tape
	if err := s.sendMany(t.Context(), &p, ticket{Blocks: list, Codec: codec}); err != nil {
		t.Fatal(err)
	}
	return p.messages
}

// breaking answers the first call with some messages and an end of its own, and those
// behind it as it should.
type breaking struct {
	flight.BaseFlightServer
	honest   *flightServer
	messages [][]byte
	end      error
	calls    atomic.Int64
}

func (s *breaking) DoGet(in *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	if s.calls.Add(1) > 1 {
		return s.honest.DoGet(in, stream)
	}
	for _, text := range s.messages {
		m := received{mem: memory.DefaultAllocator}
		if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(text)}, &m); err != nil {
			return err
		}
		out := &sent{header: m.header, app: m.app}
		if m.body != nil {
			out.body = mem.SliceBuffer(bytes.Clone(m.body.Bytes()))
			m.release()
		}
		if err := stream.SendMsg(out); err != nil {
			return err
		}
	}
	return s.end
}

// A peer that ends anywhere, in the middle of the second block too, costs the block that
// it was at where it says that it has ended, and no block where the connection breaks: what
// has come has come, the others are asked for again or not known.
func TestSeveralBreakOff(t *testing.T) {
	has, list := three(t)
	all := recordMany(t, has, list, codecNone)
	for cut := range len(all) {
		for _, torn := range []bool{false, true} {
			clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator)
			peer := &breaking{honest: &flightServer{mem: memory.DefaultAllocator, buffers: new(pool), blocks: has}, messages: all[:cut]}
			if torn {
				peer.end = status.Error(codes.Unavailable, "torn")
			}
			c := dial(t, serve(t, ServerConfig{Security: Plain(), extra: func(r *grpc.Server) { flight.RegisterFlightServiceServer(r, peer) }}).Addr(), Plain(), clientMem)
			got, err := gather(t.Context(), t, c, codecNone, list)
			whole := cut * len(list) / len(all) // the blocks are alike
			switch {
			case torn && (fault.Of(err) != fault.Retry || len(got) != whole):
				t.Errorf("torn at message %d: %d blocks, %v", cut, len(got), err)
			case !torn && (err != nil || len(got) != len(list)):
				t.Errorf("ended at message %d: %d blocks, %v", cut, len(got), err)
			}
			for i, g := range got {
				switch {
				case !torn && i == whole:
					if !isLost(g.err, list[i]) {
						t.Errorf("ended at message %d: block %d: %v", cut, i, g.err)
					}
				case g.err != nil:
					t.Errorf("cut at message %d: block %d: %v", cut, i, g.err)
				default:
					same(t, g.frames, has[i])
					g.frames.Release()
				}
			}
			_ = c.Close()
			clientMem.AssertSize(t, 0)
		}
	}
}

// A stream that has blocks in another order, or something else between them, is not
// believed from there on.
func TestSeveralOutOfOrder(t *testing.T) {
	has, list := three(t)
	all := recordMany(t, has, list, codecNone)
	each := len(all) / len(list)
	one, two := all[:each], all[each:2*each]
	alone := record(t, has[1], codecNone)
	for name, messages := range map[string][][]byte{
		"the second before the first": append(append([][]byte(nil), two...), one...),
		"the first twice":             append(append([][]byte(nil), one...), one...),
		"a mark too many":             append(append([][]byte(nil), one...), one[each-1]),
		"no mark":                     append(append([][]byte(nil), one...), alone...),
	} {
		var got []heard
		c := blocksClient{mem: memory.DefaultAllocator}
		n, err := c.read(&tape{messages: messages}, list, func(_ int, frames *rdd.Frames, err error) { got = append(got, heard{frames, err}) })
		if err != nil || n != len(got) || n == 0 || !isLost(got[n-1].err, list[n-1]) {
			t.Errorf("%s: told of %d, %v: %+v", name, n, err, got)
		}
		for _, g := range got[:n-1] {
			if g.err != nil {
				t.Errorf("%s: %v", name, g.err)
				continue
			}
			g.frames.Release()
		}
	}
}

// FuzzSeveral: a stream of several blocks with any byte changed leaves nothing behind, and
// its blocks are told of in their order, each whole or lost by its name.
func FuzzSeveral(f *testing.F) {
	has, list := three(f)
	delete(has, 1)
	all := recordMany(f, has, list, codecNone)
	f.Add(uint16(0), uint16(10), byte(1), uint16(900))
	f.Add(uint16(len(all)-1), uint16(9), byte(255), uint16(900))
	f.Add(uint16(2), uint16(300), byte(7), uint16(4))
	f.Fuzz(func(t *testing.T, which, at uint16, by byte, end uint16) {
		m := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer m.AssertSize(t, 0)
		bad := append([][]byte(nil), all...)
		i := int(which) % len(bad)
		bad[i] = forge(t, bad[i], int(at), by)
		bad = bad[:min(int(end), len(bad))]
		next := 0
		n, err := blocksClient{mem: m}.read(&tape{messages: bad}, list, func(i int, frames *rdd.Frames, err error) {
			if i != next {
				t.Errorf("told of block %d, not of %d", i, next)
			}
			if next++; err != nil {
				return
			}
			if frames.Rows() != list[i].Rows {
				t.Errorf("block %d has %d rows", i, frames.Rows())
			}
			frames.Release()
		})
		if err != nil || n != next {
			t.Errorf("told of %d blocks, and said %d: %v", next, n, err)
		}
	})
}

// What asks for too many is refused, and a list is nothing for other clients.
func TestTicketsForSeveral(t *testing.T) {
	has, list := three(t)
	c := pair(t, ServerConfig{Blocks: has})
	if _, err := gather(t.Context(), t, c, "", make([]rdd.Block, maxMany+1)); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "4096 blocks at the most, and not for 4097") {
		t.Error(err)
	}
	client := flight.NewClientFromConn(c.conn, nil)
	_, err := client.GetFlightInfo(t.Context(), &flight.FlightDescriptor{Cmd: fmt.Appendf(nil, `{"run":"j/1","blocks":[{"rows":%d}]}`, list[0].Rows)})
	if err = fromStatus(t.Context(), "n", err, fault.Retry); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "for DoGet alone") {
		t.Error(err)
	}
	got, err := c.Blocks().Block(t.Context(), "j/1", list[2]) // one by its own ticket, as ever
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	same(t, got, has[2])
}
