package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// How a node is found to be silent: while calls are under way, it is asked for a sign of
// life every beat, and has patience to give it. gRPC's own pings come every ten seconds
// at the most.
const (
	beat     = 500 * time.Millisecond
	patience = 1500 * time.Millisecond
)

const nodeService = "idag.Node"

// nodeDesc describes to gRPC what every node serves: a sign of life.
func nodeDesc() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: nodeService, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{
		unary("Ping", func(context.Context, any, empty) (empty, error) { return empty{}, nil }),
	}}
}

var errSilent = errors.New("it gives no sign of life")

// pulse watches over the calls of a connection. A call that is under way when the node
// falls silent ends.
type pulse struct {
	ping func(context.Context) error

	mu    sync.Mutex
	calls map[*call]struct{}
	stop  context.CancelFunc // of the goroutine that asks, while there are calls
}

type call struct{ give context.CancelCauseFunc }

func newPulse(conn *grpc.ClientConn) *pulse {
	return &pulse{calls: map[*call]struct{}{}, ping: func(ctx context.Context) error {
		return conn.Invoke(ctx, "/"+nodeService+"/Ping", wrapperspb.Bytes([]byte("{}")), new(wrapperspb.BytesValue))
	}}
}

// under begins a call: its context ends when the node falls silent. done ends it.
func (p *pulse) under(ctx context.Context) (_ context.Context, done func()) {
	ctx, give := context.WithCancelCause(ctx)
	c := &call{give}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 {
		watch, stop := context.WithCancel(context.WithoutCancel(ctx))
		p.stop = stop
		go p.listen(watch)
	}
	p.calls[c] = struct{}{}
	return ctx, func() {
		give(nil)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.calls, c)
		if len(p.calls) == 0 {
			p.stop()
		}
	}
}

// listen asks for signs of life until ctx ends.
func (p *pulse) listen(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked, cancel := context.WithTimeout(ctx, patience)
		err := p.ping(asked)
		cancel()
		if status.Code(err) != codes.DeadlineExceeded || ctx.Err() != nil {
			continue // any answer will do, and of a broken connection its calls know
		}
		p.mu.Lock()
		for c := range p.calls {
			c.give(fmt.Errorf("%w for %v", errSilent, patience))
		}
		p.mu.Unlock()
	}
}
