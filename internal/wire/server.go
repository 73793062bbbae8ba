package wire

import (
	"context"
	"math"
	"net"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"
)

// ServerConfig is what a server serves. Parts that are nil are not served.
type ServerConfig struct {
	Listener net.Listener // closed by the server
	Executor Executor
	Blocks   Blocks
	Driver   Driver
	Security Security
	Mem      memory.Allocator // for what blocks are encoded in
	// Log, if not nil, is told who was not let in, and why: once a second at the most.
	Log func(string)

	extra func(*grpc.Server) // of trials: serves something else as well
}

// Server is the server of one node.
type Server struct {
	grpc *grpc.Server
	addr string
	done chan struct{}
	stop func() bool
}

// Serve begins to serve, until ctx ends or the server is closed. A listener that others
// can reach, without certificates, is fault.Invalid unless Security allows it.
func Serve(ctx context.Context, c ServerConfig) (*Server, error) {
	addr := c.Listener.Addr()
	if tcp, ok := addr.(*net.TCPAddr); ok {
		if err := c.Security.check(tcp.IP.String()); err != nil {
			return nil, err
		}
	}
	log, buffers := &refusals{log: c.Log}, new(pool)
	s := &Server{addr: addr.String(), done: make(chan struct{}), grpc: grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()),
		grpc.Creds(c.Security.serverSide(log)),
		grpc.InTapHandle(admission{c.Security, log}.admit),
		grpc.MaxRecvMsgSize(maxMessage+1<<10),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxHeaderListSize(64<<10),
		grpc.ConnectionTimeout(5*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Second, Timeout: patience}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.WriteBufferSize(64<<10),
		experimental.BufferPool(buffers),
	)}
	s.grpc.RegisterService(nodeDesc(), struct{}{})
	if c.extra != nil {
		c.extra(s.grpc)
	}
	if c.Executor != nil {
		s.grpc.RegisterService(executorDesc(), c.Executor)
	}
	if c.Driver != nil {
		s.grpc.RegisterService(driverDesc(), c.Driver)
	}
	if c.Blocks != nil {
		flight.RegisterFlightServiceServer(s.grpc, &flightServer{blocks: c.Blocks, mem: c.Mem, buffers: buffers})
	}
	s.stop = context.AfterFunc(ctx, s.grpc.Stop)
	go func() {
		defer close(s.done)
		_ = s.grpc.Serve(c.Listener) // ends when it is closed
	}()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.addr }

// Close ends all calls and waits for what serves them. It may be called again.
func (s *Server) Close() error {
	s.stop()
	s.grpc.Stop()
	<-s.done
	return nil
}

// Drain takes no more calls and waits for those under way, until ctx ends. The server
// has to be closed all the same.
func (s *Server) Drain(ctx context.Context) error {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.grpc.GracefulStop()
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		s.grpc.Stop()
		<-drained
		return fault.New(fault.Retry, "calls were still under way: %w", context.Cause(ctx))
	}
}
