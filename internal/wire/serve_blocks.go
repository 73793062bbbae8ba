package wire

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Keys in the metadata of the schema of a block, or of a part of one.
const (
	metaFrames = "idag.frames" // of the whole block, as they are sent
	metaParts  = "idag.parts"  // of the block
)

// codecNone asks for blocks as they are.
const codecNone = "none"

// ticket asks for a block. Frames of one block may differ in whether a column of strings
// has a dictionary, and a stream has one schema: the frames of each schema are one part.
type ticket struct {
	Run   RunID     `json:"run"`
	Block rdd.Block `json:"block"`
	// Blocks asks for several, in a stream that only nodes can read; see mark. Block is
	// nothing then.
	Blocks []rdd.Block `json:"blocks,omitempty"`
	// Part is nil where somebody asks who takes the block to have one.
	Part  *int   `json:"part,omitempty"`
	Codec string `json:"codec,omitempty"` // of the body: "" is LZ4
}

func parseTicket(text []byte) (ticket, error) {
	var t ticket
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fault.New(fault.Invalid, "a ticket is the JSON of a run and a block: %w", err)
	}
	if t.Codec != "" && t.Codec != codecNone {
		return t, fault.New(fault.Invalid, "blocks are sent as lz4 or as %s, not as %q", codecNone, t.Codec)
	}
	switch {
	case len(t.Blocks) > maxMany:
		return t, fault.New(fault.Invalid, "a ticket is for %d blocks at the most, and not for %d", maxMany, len(t.Blocks))
	case t.Blocks != nil && (len(t.Blocks) == 0 || t.Part != nil || t.Block != rdd.Block{}):
		return t, fault.New(fault.Invalid, "a ticket is for a block, for a part of one, or for several")
	}
	return t, nil
}

// maxMany is how many blocks may be asked for at once.
const maxMany = 1 << 12

// flightServer serves blocks to any Flight client.
type flightServer struct {
	flight.BaseFlightServer
	blocks  Blocks
	mem     memory.Allocator
	buffers *pool
}

// DoGet sends a block, or one part of it.
func (s *flightServer) DoGet(in *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	return toStatus(guard(func() error {
		t, err := parseTicket(in.GetTicket())
		if err != nil {
			return err
		}
		if t.Blocks != nil {
			return s.sendMany(stream.Context(), stream, t)
		}
		frames, err := s.blocks.Block(stream.Context(), t.Run, t.Block)
		if err != nil {
			return err
		}
		defer frames.Release()
		list, release := shrunk(frames.List(), s.mem)
		defer release()
		c := cargoOf(list)
		part := 0
		switch {
		case t.Part != nil:
			part = *t.Part
		case len(c.schemas) > 1:
			return fault.New(fault.Invalid, "the frames of this block have %d schemas: GetFlightInfo names a ticket for each", len(c.schemas))
		}
		if part < 0 || part >= len(c.schemas) {
			return fault.New(fault.Invalid, "the block has %d parts, there is no part %d", len(c.schemas), part)
		}
		return s.send(stream, c, part, t.Codec)
	}))
}

// GetFlightInfo tells of a block what it has and with which tickets it is fetched.
func (s *flightServer) GetFlightInfo(ctx context.Context, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	var out *flight.FlightInfo
	err := guard(func() error {
		t, err := parseTicket(d.GetCmd())
		if err == nil && t.Blocks != nil {
			err = fault.New(fault.Invalid, "a ticket for several blocks is for DoGet alone")
		}
		if err != nil {
			return err
		}
		frames, err := s.blocks.Block(ctx, t.Run, t.Block)
		if err != nil {
			return err
		}
		defer frames.Release()
		c := cargoOf(frames.List())
		out = &flight.FlightInfo{FlightDescriptor: d, TotalRecords: frames.Rows(), TotalBytes: t.Block.Bytes, Ordered: len(c.schemas) == 1,
			Schema: flight.SerializeSchema(c.schemas[0], s.mem)}
		for i := range c.schemas {
			t.Part = &i
			text, err := json.Marshal(t)
			if err != nil {
				return err
			}
			out.Endpoint = append(out.Endpoint, &flight.FlightEndpoint{Ticket: &flight.Ticket{Ticket: text}})
		}
		return nil
	})
	return out, toStatus(err)
}

// GetSchema tells the schema of a block: that of its first part.
func (s *flightServer) GetSchema(ctx context.Context, d *flight.FlightDescriptor) (*flight.SchemaResult, error) {
	info, err := s.GetFlightInfo(ctx, d)
	if err != nil {
		return nil, err
	}
	return &flight.SchemaResult{Schema: info.Schema}, nil
}

// cargo is a block as it is sent: pieces of frames, of which each is of a part.
type cargo struct {
	frames  []rdd.Frame
	schemas []*arrow.Schema // of the parts, one at least
	pieces  []piece
}

// piece is rows of a frame, small enough for a message.
type piece struct {
	frame    int
	part     int
	from, to int
}

// pieceBytes is what a piece should have of values. A row that has more is one piece.
const pieceBytes = 4 << 20

func cargoOf(frames []rdd.Frame) *cargo {
	c := &cargo{frames: frames}
	for i, f := range frames {
		if f.Batch == nil {
			c.pieces = append(c.pieces, piece{frame: i})
			continue
		}
		rows, part := int(f.Batch.NumRows()), c.part(f.Batch.Schema())
		step := max(rows, 1)
		if n := int(weight(f.Batch) / pieceBytes); n > 0 {
			step = max(rows/(n+1), 1)
		}
		c.pieces = append(c.pieces, piece{i, part, 0, min(step, rows)})
		for from := step; from < rows; from += step {
			c.pieces = append(c.pieces, piece{i, part, from, min(from+step, rows)})
		}
	}
	if len(c.schemas) == 0 {
		c.schemas = []*arrow.Schema{arrow.NewSchema(nil, nil)}
	}
	return c
}

// part returns the part with a schema, which is a new one if none has it.
func (c *cargo) part(s *arrow.Schema) int {
	for i, known := range c.schemas {
		if known.Equal(s) && known.Metadata().Equal(s.Metadata()) {
			return i
		}
	}
	c.schemas = append(c.schemas, s)
	return len(c.schemas) - 1
}

// weight is about how many bytes the values of a batch have, without dictionaries.
func weight(b arrow.RecordBatch) int64 {
	var n int64
	for _, a := range b.Columns() {
		n += weightOf(a)
	}
	return n
}

func weightOf(a arrow.Array) int64 {
	n := int64(a.Len())
	switch a := a.(type) {
	case *array.String:
		return 4*n + int64(len(a.ValueBytes()))
	case *array.Binary:
		return 4*n + int64(len(a.ValueBytes()))
	case *array.Struct:
		sum := int64(0)
		for i := range a.NumField() {
			sum += weightOf(a.Field(i))
		}
		return sum
	case array.ListLike:
		values := a.ListValues()
		if a.Len() == 0 || values.Len() == 0 {
			return 4 * n
		}
		first, _ := a.ValueOffsets(0)
		_, last := a.ValueOffsets(a.Len() - 1)
		return 4*n + weightOf(values)*(last-first)/int64(values.Len())
	}
	return 8 * n
}

// send sends one part of a block.
func (s *flightServer) send(stream outgoing, c *cargo, part int, codec string) error {
	schema := c.schemas[part]
	meta := schema.Metadata()
	keys := append(append([]string{}, meta.Keys()...), metaFrames, metaParts)
	values := append(append([]string{}, meta.Values()...), strconv.Itoa(len(c.pieces)), strconv.Itoa(len(c.schemas)))
	withMeta := arrow.NewMetadata(keys, values)
	w := s.sender(stream, arrow.NewSchema(schema.Fields(), &withMeta), codec)
	defer w.close()
	for i, p := range c.pieces {
		if p.part != part {
			continue
		}
		if err := w.frame(&c.frames[p.frame], p, i); err != nil {
			return err
		}
	}
	return w.end()
}
