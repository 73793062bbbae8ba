package wire

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of a FlightData (format/Flight.proto).
const (
	fieldHeader = 2
	fieldApp    = 3
	fieldBody   = 1000
)

// sent is a FlightData on its way out.
type sent struct {
	header, app []byte
	body        mem.Buffer // nil: none
}

// received is one that came in. Its body is of mem.
type received struct {
	mem         memory.Allocator
	header, app []byte
	body        *memory.Buffer // nil: none
}

// grpcCodec is gRPC's own for all messages but sent and received: the bodies of these, which
// are most of what goes over the wire, are copied once on either side, from and to where
// they belong.
type grpcCodec struct{ encoding.CodecV2 }

func newCodec() grpcCodec { return grpcCodec{encoding.GetCodecV2(proto.Name)} }

// Marshal writes what Flight's schema says.
func (c grpcCodec) Marshal(v any) (mem.BufferSlice, error) {
	s, ok := v.(*sent)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	var head []byte
	for _, f := range []struct {
		number protowire.Number
		value  []byte
	}{{fieldHeader, s.header}, {fieldApp, s.app}} {
		if len(f.value) > 0 {
			head = protowire.AppendBytes(protowire.AppendTag(head, f.number, protowire.BytesType), f.value)
		}
	}
	if s.body == nil {
		return mem.BufferSlice{mem.SliceBuffer(head)}, nil
	}
	head = protowire.AppendTag(head, fieldBody, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(s.body.Len()))
	body := s.body
	s.body = nil // gRPC's from now on
	return mem.BufferSlice{mem.SliceBuffer(head), body}, nil
}

// Unmarshal reads what Flight's schema says.
func (c grpcCodec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*received)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	in := data.Reader()
	defer func() { _ = in.Close() }()
	for in.Remaining() > 0 {
		tag, err := varint(in)
		if err != nil {
			return err
		}
		number, kind := protowire.DecodeTag(tag)
		if kind != protowire.BytesType {
			return fmt.Errorf("a FlightData has field %d of wire type %d", number, kind)
		}
		size, err := varint(in)
		if err != nil {
			return err
		}
		if size > uint64(in.Remaining()) {
			return io.ErrUnexpectedEOF
		}
		if err := r.field(number, in, int(size)); err != nil {
			return err
		}
	}
	return nil
}

// field reads one field. Where it comes twice the last one counts, as in any message.
func (r *received) field(number protowire.Number, in *mem.Reader, size int) error {
	var err error
	switch number {
	case fieldHeader:
		r.header = make([]byte, size)
		_, err = io.ReadFull(in, r.header)
	case fieldApp:
		r.app = make([]byte, size)
		_, err = io.ReadFull(in, r.app)
	case fieldBody:
		r.release()
		r.body = memory.NewResizableBuffer(r.mem)
		r.body.Resize(size)
		_, err = io.ReadFull(in, r.body.Bytes())
	default:
		_, err = in.Discard(size)
	}
	return err
}

func (r *received) release() {
	if r.body != nil {
		r.body.Release()
		r.body = nil
	}
}

// varint reads a number.
func varint(in *mem.Reader) (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("a number in a message does not end")
}
