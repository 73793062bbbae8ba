package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"github.com/zeebo/xxh3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// garbage is bytes that are no call: noise, and HTTP/2 that goes wrong after a good
// beginning.
func garbage(r *rand.Rand) []byte {
	noise := make([]byte, r.IntN(300))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	preface := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	frame := func(kind, flags byte, stream uint32, body []byte) []byte {
		out := append([]byte{byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)), kind, flags}, 0, 0, 0, 0)
		binary.BigEndian.PutUint32(out[5:], stream)
		return append(out, body...)
	}
	switch r.IntN(6) {
	case 0:
		return noise
	case 1:
		return append(preface, noise...)
	case 2:
		return append(append(preface, settings...), noise...)
	case 3: // a frame of any kind
		return append(append(preface, settings...), frame(byte(r.IntN(12)), byte(r.Uint32()), r.Uint32()&7, noise)...)
	case 4: // a frame that claims to be longer than it is
		return append(append(preface, settings...), 0xff, 0xff, 0xff, byte(r.IntN(12)), 0, 0, 0, 0, 1)
	}
	return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
}

// Whatever comes over its port, with TLS or without, a server goes on serving.
func TestGarbage(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "ours")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for name, sec := range map[string]Security{"plain": Plain(), "tls": a.node(t, time.Minute, "server", "127.0.0.1")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok := func(context.Context, RunID, work.Task) (work.Receipt, error) { return work.Receipt{Node: "ok"}, nil }
			s := serve(t, ServerConfig{Security: sec, Executor: &node{run: ok}, Blocks: &node{block: lend(func() *rdd.Frames { return new(rdd.Frames) })}})
			c := dial(t, s.Addr(), sec, nil)
			var wg sync.WaitGroup
			for w := range uint64(4) {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, w))
					for until := time.Now().Add(time.Second); time.Now().Before(until); {
						conn, err := net.Dial("tcp", s.Addr())
						if err != nil {
							t.Error(err)
							return
						}
						if name == "tls" && r.IntN(2) == 0 { // through the handshake, as somebody unknown
							inner := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
							_, _ = inner.Write(garbage(r))
						} else {
							_, _ = conn.Write(garbage(r))
						}
						_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
						_, _ = conn.Read(make([]byte, 100))
						_ = conn.Close()
					}
				})
			}
			wg.Wait()
			if got, err := c.Executor().Run(t.Context(), "r", work.Task{}); err != nil || got.Node != "ok" {
				t.Errorf("after all that: %+v, %v", got, err)
			}
		})
	}
}

// FuzzTicket: any ticket gets an answer.
func FuzzTicket(f *testing.F) {
	frames, _ := trialFrames(1)
	s := serve(f, ServerConfig{Security: Plain(), Blocks: trialBlocks{frames}})
	c := dial(f, s.Addr(), Plain(), memory.DefaultAllocator)
	client := flight.NewClientFromConn(c.conn, nil)
	for _, text := range []string{"", "{}", "null", `{"run":5}`, `{"part":-1}`, `{"part":1}`, `{"part":0,"codec":"zip"}`, `{"codec":"none"}`, `{"block":{"rows":1e99}}`, "[", "\xff",
		`{"blocks":[]}`, `{"blocks":[{}]}`, `{"blocks":[{},{"rows":5}],"codec":"none"}`, `{"blocks":[{}],"part":0}`, `{"blocks":[{}],"block":{"rows":1}}`, `{"blocks":7}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		info, err := client.GetFlightInfo(ctx, &flight.FlightDescriptor{Cmd: text})
		if err == nil && len(info.Endpoint) == 0 {
			t.Error("no endpoint")
		}
		stream, err := client.DoGet(ctx, &flight.Ticket{Ticket: text})
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil && fault.Of(fromStatus(ctx, "x", err, fault.Retry)) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// A block that has not the rows it should have, or is no block of ours at all, is lost,
// and the caller is told which one.
func TestLiars(t *testing.T) {
	frames, _ := trialFrames(1)
	defer frames.Release()
	truth := rdd.Block{Batch: 4, Rows: frames.Rows()}
	foreign := foreignServer{frames: frames}
	for name, c := range map[string]struct {
		serve Blocks
		want  rdd.Block
		text  string
	}{
		"fewer rows":  {trialBlocks{frames}, rdd.Block{Batch: 4, Rows: truth.Rows + 1}, "has 16384 rows instead of 16385"},
		"more rows":   {trialBlocks{frames}, rdd.Block{Batch: 4, Rows: truth.Rows - 1}, "has more rows than 16383"},
		"no checksum": {nil, truth, "a message has no checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer clientMem.AssertSize(t, 0)
			config := ServerConfig{Security: Plain(), Blocks: c.serve}
			if c.serve == nil {
				config.extra = func(r *grpc.Server) { flight.RegisterFlightServiceServer(r, &foreign) }
			}
			_, err := dial(t, serve(t, config).Addr(), Plain(), clientMem).Blocks().Block(t.Context(), "j/1", c.want)
			var m missing
			if fault.Of(err) != fault.Lost || !strings.Contains(err.Error(), c.text) || !errors.As(err, &m) || m.MissingBlocks()[0] != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// foreignServer is a Flight server that knows nothing of idag.
type foreignServer struct {
	flight.BaseFlightServer
	frames *rdd.Frames
}

func (s *foreignServer) DoGet(_ *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	b := s.frames.List()[0].Batch
	w := flight.NewRecordWriter(stream, ipc.WithSchema(b.Schema()))
	defer func() { _ = w.Close() }()
	return w.Write(b)
}

// tape records the messages of a block, and plays them.
type tape struct{ messages [][]byte }

func (p *tape) SendMsg(m any) error {
	out, err := newCodec().Marshal(m)
	if err == nil {
		p.messages = append(p.messages, out.Materialize())
		out.Free()
	}
	return err
}

func (p *tape) RecvMsg(m any) error {
	if len(p.messages) == 0 {
		return io.EOF
	}
	next := p.messages[0]
	p.messages = p.messages[1:]
	return newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(next)}, m)
}

// record makes the messages of frames.
func record(t testing.TB, frames *rdd.Frames, codec string) [][]byte {
	t.Helper()
	s := &flightServer{mem: memory.DefaultAllocator, buffers: new(pool)}
	var out [][]byte
	c := cargoOf(frames.List())
	for part := range c.schemas {
		var p tape
		if err := s.send(&p, c, part, codec); err != nil {
			t.Fatal(err)
		}
		out = append(out, p.messages...)
	}
	return out
}

// play reads messages as those of a block.
func play(m memory.Allocator, messageBytes [][]byte, rows int64) (*rdd.Frames, error) {
	f := &fetch{arena: codec.NewArena(m, 64<<20), want: rdd.Block{Rows: rows}}
	err := f.read(&messages{stream: &tape{messages: messageBytes}, mem: f.arena})
	var out *rdd.Frames
	if err == nil {
		out, err = f.frames()
	}
	if err != nil {
		f.release()
		f.arena.Sweep()
	}
	return out, err
}

// forge changes a byte of a message and makes its checksum right again.
func forge(t testing.TB, message []byte, at int, by byte) []byte {
	t.Helper()
	in := received{mem: memory.DefaultAllocator}
	if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(message)}, &in); err != nil {
		t.Fatal(err)
	}
	var body []byte
	if in.body != nil {
		body = bytes.Clone(in.body.Bytes())
	}
	parts := [][]byte{in.header, in.app[sumBytes:], body}
	at %= len(parts[0]) + len(parts[1]) + len(parts[2])
	for _, p := range parts {
		if at < len(p) {
			p[at] ^= by
			break
		}
		at -= len(p)
	}
	sum := xxh3.New()
	for _, p := range [][]byte{in.header, body, in.app[sumBytes:]} {
		_, _ = sum.Write(p)
	}
	binary.LittleEndian.PutUint64(in.app, sum.Sum64())
	b := mem.SliceBuffer(body)
	out, err := newCodec().Marshal(&sent{header: in.header, app: in.app, body: b})
	if err != nil {
		t.Fatal(err)
	}
	return out.Materialize()
}

// specimens are a block with columns of all sorts.
func specimens(t testing.TB) *rdd.Frames {
	t.Helper()
	out := new(rdd.Frames)
	fields := make([]arrow.Field, len(types()))
	for i, dt := range types() {
		fields[i] = arrow.Field{Name: string(rune('a' + i)), Type: dt, Nullable: true}
	}
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(
		`[{"a":true,"b":1,"c":1.5,"d":"x","e":"y","f":"2024-01-01 00:00:00Z","g":"2024-01-01","h":"1.5","i":"5us","j":"AAAA","k":["p",null],"l":[[1],[]],"m":{"a":"q","b":true},"n":[{"key":"k","value":2}]},
		{"b":7,"d":"zz","e":"w","k":[],"m":{"a":null}},{}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	split := &rdd.Split{Name: "s"}
	out.Keep(&rdd.Frame{Header: rdd.Header{Labels: 3, Origin: rdd.Origin{Split: split, Rows: []int32{1, 5, 4}}}, Batch: b})
	out.Keep(&rdd.Frame{Header: rdd.Header{Labels: 1, Origin: rdd.Origin{Split: split, Child: []int64{1, 0, 2}}}, Batch: b})
	return out
}

// FuzzBlock: a block with any byte changed is refused or can be read whole; it neither
// panics nor leaves anything behind. That its checksum is right proves nothing: who
// sends it may lie.
func FuzzBlock(f *testing.F) {
	frames := specimens(f)
	defer frames.Release()
	tapes := map[bool][][]byte{true: record(f, frames, ""), false: record(f, frames, codecNone)}
	f.Add(true, uint16(0), uint16(10), byte(1))
	f.Add(false, uint16(2), uint16(300), byte(255))
	f.Fuzz(func(t *testing.T, lz4 bool, which, at uint16, by byte) {
		m := memory.NewCheckedAllocator(memory.DefaultAllocator)
		defer m.AssertSize(t, 0)
		bad := append([][]byte(nil), tapes[lz4]...)
		i := int(which) % len(bad)
		bad[i] = forge(t, bad[i], int(at), by)
		got, err := play(m, bad, frames.Rows())
		if err != nil {
			return
		}
		defer got.Release()
		for _, fr := range got.List() {
			_ = fr.Batch.NumRows()
			for _, c := range fr.Batch.Columns() {
				for row := range c.Len() {
					_ = c.ValueStr(row)
				}
			}
		}
	})
}

// Every byte of a block counts: with any one changed the checksum is another.
func TestChecksum(t *testing.T) {
	frames := specimens(t)
	defer frames.Release()
	for _, codec := range []string{"", codecNone} {
		good := record(t, frames, codec)
		got, err := play(memory.DefaultAllocator, good, frames.Rows())
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, frames)
		got.Release()
		for i, message := range good {
			for at := 0; at < len(message); at += 1 + len(message)/50 {
				m := memory.NewCheckedAllocator(memory.DefaultAllocator)
				bad := append([][]byte(nil), good...)
				bad[i] = bytes.Clone(message)
				bad[i][at] ^= 0x10
				if got, err := play(m, bad, frames.Rows()); err == nil {
					got.Release()
					t.Errorf("message %d with byte %d changed is taken", i, at)
				}
				m.AssertSize(t, 0)
			}
		}
		for i := range good { // and every message
			if got, err := play(memory.DefaultAllocator, append(append([][]byte(nil), good[:i]...), good[i+1:]...), frames.Rows()); err == nil {
				got.Release()
				t.Errorf("without message %d it is taken", i)
			}
		}
	}
}

// A fetch that is given up halfway leaves nothing, on either side.
func TestFetchGivenUp(t *testing.T) {
	frames, _ := trialFrames(32 << 20)
	defer frames.Release()
	serverMem, clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator), memory.NewCheckedAllocator(memory.DefaultAllocator)
	s := serve(t, ServerConfig{Security: Plain(), Mem: serverMem, Blocks: trialBlocks{frames}})
	c := dial(t, s.Addr(), Plain(), clientMem)
	given := 0
	for i := range 12 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*i)*time.Millisecond)
		blocks := c.Blocks().(blocksClient)
		blocks.codec = []string{"", codecNone}[i%2]
		got, err := blocks.Block(ctx, "r", rdd.Block{Rows: frames.Rows()})
		cancel()
		if err == nil {
			got.Release()
			continue
		}
		given++
		if fault.Of(err) != fault.Retry || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up with %v", err)
		}
	}
	if given == 0 {
		t.Error("none was given up")
	}
	_ = c.Close()
	_ = s.Close()
	clientMem.AssertSize(t, 0)
	serverMem.AssertSize(t, 0)
}

// Many callers share a connection.
func TestManyAtOnce(t *testing.T) {
	frames, _ := trialFrames(4 << 20)
	defer frames.Release()
	clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer clientMem.AssertSize(t, 0)
	run := func(_ context.Context, r RunID, task work.Task) (work.Receipt, error) {
		if task.Index%3 == 0 {
			return work.Receipt{}, fault.New(fault.Lost, "task %d", task.Index)
		}
		return work.Receipt{Index: task.Index, Node: string(r)}, nil
	}
	c := dial(t, serve(t, ServerConfig{Security: Plain(), Executor: &node{run: run}, Blocks: trialBlocks{frames}}).Addr(), Plain(), clientMem)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w * 10; i < w*10+10; i++ {
				got, err := c.Executor().Run(t.Context(), "j/2", work.Task{Index: i})
				if i%3 == 0 && (fault.Of(err) != fault.Lost || !strings.HasSuffix(err.Error(), " "+work.Receipt{Index: i}.Node) && err == nil) || i%3 != 0 && (err != nil || got.Index != i || got.Node != "j/2") {
					t.Errorf("task %d: %+v, %v", i, got, err)
				}
			}
			got, err := c.Blocks().Block(t.Context(), "r", rdd.Block{Rows: frames.Rows()})
			if err != nil {
				t.Error(err)
				return
			}
			defer got.Release()
			if got.Rows() != frames.Rows() {
				t.Errorf("%d rows came", got.Rows())
			}
		})
	}
	wg.Wait()
}

// What is too large for a message says so, wherever it is found out.
func TestTooLarge(t *testing.T) {
	big := work.Receipt{Node: strings.Repeat("x", maxMessage)}
	c := pair(t, ServerConfig{Executor: &node{run: func(context.Context, RunID, work.Task) (work.Receipt, error) { return big, nil }}})
	x := c.Executor()
	if err := x.Open(t.Context(), Opening{Job: make([]byte, maxMessage)}); fault.Of(err) != fault.Invalid || !strings.HasPrefix(err.Error(), "job too large: ") {
		t.Errorf("job: %v", err)
	}
	if _, err := x.Run(t.Context(), "r", work.Task{}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "receipt too large: ") {
		t.Errorf("receipt: %v", err)
	}
	err := c.conn.Invoke(t.Context(), "/"+executorService+"/Run", wrapperspb.Bytes(make([]byte, maxMessage+2000)), new(wrapperspb.BytesValue), grpc.MaxCallSendMsgSize(2*maxMessage))
	if err = fromStatus(t.Context(), "n", err, fault.Retry); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "too large for a message") {
		t.Errorf("by one who does not look: %v", err)
	}
}

// binaries is a frame with one column of such values.
func binaries(sizes ...int) *rdd.Frames {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	for i, n := range sizes {
		v := make([]byte, n)
		for j := 0; j < n; j += 64 {
			v[j] = byte(i + j>>6)
		}
		b.Append(v)
	}
	col := b.NewArray()
	defer col.Release()
	batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "b", Type: col.DataType(), Nullable: true}}, nil), []arrow.Array{col}, int64(len(sizes)))
	defer batch.Release()
	out := new(rdd.Frames)
	out.Keep(&rdd.Frame{Header: rdd.Header{Origin: rdd.Origin{First: 100}, Bad: []rdd.BadRow{{Seq: 1}}}, Batch: batch})
	return out
}

// Frames that are large go in pieces, which are frames themselves: of the same rows, in
// the same order, with the same origins. A single row may be large, but not any size.
func TestLargeFrames(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	var sent *rdd.Frames
	clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer clientMem.AssertSize(t, 0)
	c := dial(t, serve(t, ServerConfig{Security: Plain(), Blocks: &node{block: lend(func() *rdd.Frames { return sent })}}).Addr(), Plain(), clientMem)
	sizes := []int{5 * mb, 1, 70 * mb, 0, 3 * mb, 3 * mb, 8 * mb}
	sent = binaries(sizes...)
	got, err := c.Blocks().Block(t.Context(), "r", rdd.Block{Rows: sent.Rows()})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.List()) < 3 || len(got.List()[1].Header.Bad) != 0 || len(got.List()[0].Header.Bad) != 1 {
		t.Errorf("it came in %d pieces", len(got.List()))
	}
	want, row := sent.List()[0].Batch.Column(0).(*array.Binary), 0
	for _, f := range got.List() {
		col := f.Batch.Column(0).(*array.Binary)
		for i := range col.Len() {
			if !bytes.Equal(col.Value(i), want.Value(row)) || f.Header.Origin.Seq(i) != int64(100+row) {
				t.Errorf("row %d has %d bytes and is %d", row, len(col.Value(i)), f.Header.Origin.Seq(i))
			}
			row++
		}
	}
	got.Release()
	sent.Release()
	sent = binaries(maxBody + 1)
	defer sent.Release()
	if _, err := c.Blocks().Block(t.Context(), "r", rdd.Block{Rows: 1}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "too large to be sent") {
		t.Errorf("a huge row: %v", err)
	}
}

// Any Flight client reads a block: with its ticket where its frames have one schema,
// with those that GetFlightInfo names where they have several.
func TestAnyFlightClient(t *testing.T) {
	frames := specimens(t)
	defer frames.Release()
	plain, _ := trialFrames(1)
	defer plain.Release()
	sent := frames
	s := serve(t, ServerConfig{Security: Plain(), Blocks: &node{block: lend(func() *rdd.Frames { return sent })}})
	client := flight.NewClientFromConn(dial(t, s.Addr(), Plain(), nil).conn, nil)
	read := func(text string) (rows int64, err error) {
		stream, err := client.DoGet(t.Context(), &flight.Ticket{Ticket: []byte(text)})
		if err != nil {
			return 0, err
		}
		r, err := flight.NewRecordReader(stream)
		if err != nil {
			return 0, err
		}
		defer r.Release()
		for r.Next() {
			rows += r.RecordBatch().NumRows()
		}
		return rows, r.Err()
	}
	if rows, err := read(`{"run":"j/1","block":{"batch":1}}`); err != nil || rows != 6 {
		t.Errorf("%d rows, %v", rows, err)
	}
	mixed := new(rdd.Frames)
	defer mixed.Release()
	for _, f := range []*rdd.Frames{frames, plain, frames} {
		mixed.Keep(&f.List()[0])
	}
	sent = mixed
	if _, err := read(`{"run":"j/1"}`); err == nil || !strings.Contains(err.Error(), "have 2 schemas") {
		t.Errorf("mixed: %v", err)
	}
	info, err := client.GetFlightInfo(t.Context(), &flight.FlightDescriptor{Cmd: []byte(`{"run":"j/1"}`)})
	if err != nil || info.TotalRecords != mixed.Rows() || len(info.Endpoint) != 2 {
		t.Fatalf("%v, %v", info, err)
	}
	sum := int64(0)
	for _, e := range info.Endpoint {
		rows, err := read(string(e.Ticket.Ticket))
		if err != nil {
			t.Error(err)
		}
		sum += rows
	}
	if sum != mixed.Rows() {
		t.Errorf("%d rows of %d", sum, mixed.Rows())
	}
	if r, err := client.GetSchema(t.Context(), &flight.FlightDescriptor{Cmd: []byte(`{}`)}); err != nil || len(r.Schema) == 0 {
		t.Errorf("%v, %v", r, err)
	}
}
