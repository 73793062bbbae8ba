package wire

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const driverService = "idag.Driver"

type (
	stopJob struct {
		ID    string `json:"id"`
		Drain bool   `json:"drain,omitempty"`
	}
	watchJob struct {
		ID   string `json:"id"`
		From int64  `json:"from,omitempty"`
	}
	told struct {
		Info  submission.Info `json:"info"`
		Lines []string        `json:"lines,omitempty"`
	}
)

// driverDesc describes the service to gRPC.
func driverDesc() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: driverService, HandlerType: (*Driver)(nil), Methods: []grpc.MethodDesc{
		unary("Submit", func(ctx context.Context, d Driver, j submission.Job) (submission.Info, error) {
			return d.Submit(ctx, j)
		}),
		unary("Jobs", func(ctx context.Context, d Driver, _ empty) ([]submission.Info, error) { return d.Jobs(ctx) }),
		unary("Stop", func(ctx context.Context, d Driver, r stopJob) (empty, error) {
			return empty{}, d.Stop(ctx, r.ID, r.Drain)
		}),
		unary("Nodes", func(ctx context.Context, d Driver, _ empty) (json.RawMessage, error) {
			text, err := d.Nodes(ctx)
			return text, err
		}),
	}, Streams: []grpc.StreamDesc{{StreamName: "Watch", Handler: serveWatch, ServerStreams: true}}}
}

func serveWatch(srv any, stream grpc.ServerStream) error {
	var in wrapperspb.BytesValue
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	return toStatus(guard(func() error {
		req, err := parse[watchJob](in.Value)
		if err != nil {
			return err
		}
		return srv.(Driver).Watch(stream.Context(), req.ID, req.From, func(info submission.Info, lines []string) error {
			out, err := pack("Watch", told{info, lines})
			if err != nil {
				return err
			}
			return fault.Wrap(fault.Retry, stream.SendMsg(out))
		})
	}))
}

// driverClient is a driver in another process.
type driverClient struct{ peer }

func (d driverClient) Submit(ctx context.Context, j submission.Job) (submission.Info, error) {
	return ask[submission.Info](ctx, d.peer, driverService, "Submit", j)
}

func (d driverClient) Jobs(ctx context.Context) ([]submission.Info, error) {
	return ask[[]submission.Info](ctx, d.peer, driverService, "Jobs", empty{})
}

func (d driverClient) Stop(ctx context.Context, id string, drain bool) error {
	_, err := ask[empty](ctx, d.peer, driverService, "Stop", stopJob{id, drain})
	return err
}

func (d driverClient) Nodes(ctx context.Context) ([]byte, error) {
	return ask[json.RawMessage](ctx, d.peer, driverService, "Nodes", empty{})
}

func (d driverClient) Watch(ctx context.Context, id string, from int64, tell func(submission.Info, []string) error) error {
	ctx, done := d.pulse.under(ctx)
	defer done()
	in, err := pack("Watch", watchJob{id, from})
	if err != nil {
		return err
	}
	stream, err := d.conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "Watch", ServerStreams: true}, "/"+driverService+"/Watch")
	if err == nil {
		err = errors.Join(stream.SendMsg(in), stream.CloseSend())
	}
	for err == nil {
		var out wrapperspb.BytesValue
		if err = stream.RecvMsg(&out); err != nil {
			break
		}
		t, bad := parse[told](out.Value)
		if bad != nil {
			return fault.New(fault.Retry, "%s: %w", d.addr, bad)
		}
		if err := tell(t.Info, t.Lines); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fromStatus(ctx, d.addr, err, d.refused)
}

var _ Driver = driverClient{}
