package wire

import (
	"context"
	"encoding/json"

	"github.com/idag/idag/internal/fault"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// maxMessage bounds a call and its answer, in bytes. Blocks have a limit of their own.
const maxMessage = 64 << 20

// empty is a request or an answer that says nothing.
type empty struct{}

// unary is a method with one request and one answer, both JSON in a BytesValue. S is
// what serves it.
func unary[S, Req, Resp any](name string, do func(context.Context, S, Req) (Resp, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in wrapperspb.BytesValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		var out *wrapperspb.BytesValue
		err := guard(func() error {
			req, err := parse[Req](in.Value)
			if err != nil {
				return err
			}
			resp, err := do(ctx, srv.(S), req)
			if err != nil {
				return err
			}
			out, err = pack(name, resp)
			return err
		})
		if err != nil {
			return nil, toStatus(err)
		}
		return out, nil
	}}
}

// pack makes a message of a value.
func pack(what string, v any) (*wrapperspb.BytesValue, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fault.New(fault.Bug, "%s: %w", what, err)
	}
	if len(text) > maxMessage {
		return nil, fault.New(fault.Invalid, "%s too large: %d bytes, a message may have %d", subject(what), len(text), maxMessage)
	}
	return wrapperspb.Bytes(text), nil
}

// subject is what a method's messages are for people.
func subject(method string) string {
	switch method {
	case "Open", "Submit":
		return "job"
	case "Run", "RunTogether":
		return "work order or receipt"
	}
	return "what " + method + " has to say is"
}

// parse reads what pack has made.
func parse[T any](text []byte) (T, error) {
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fault.New(fault.Invalid, "a message that cannot be read: %w", err)
	}
	return v, nil
}

// peer is a connection as the services see it.
type peer struct {
	conn    *grpc.ClientConn
	pulse   *pulse
	addr    string
	refused fault.Kind // of calls that the other side does not let in
}

// ask calls a method and waits for the answer.
func ask[Resp any](ctx context.Context, p peer, service, name string, req any) (Resp, error) {
	var none Resp
	in, err := pack(name, req)
	if err != nil {
		return none, err
	}
	ctx, done := p.pulse.under(ctx)
	defer done()
	var out wrapperspb.BytesValue
	if err := p.conn.Invoke(ctx, "/"+service+"/"+name, in, &out); err != nil {
		return none, fromStatus(ctx, p.addr, err, p.refused)
	}
	resp, err := parse[Resp](out.Value)
	if err != nil {
		return none, fault.New(fault.Retry, "%s: the answer to %s: %w", p.addr, name, err)
	}
	return resp, nil
}
