package wire

import (
	"math"
	"net"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"
)

// streamWindow is how much of a block may be under way, in bytes: what a server sends
// ahead of who fetches it.
const streamWindow = 4 << 20

// Client speaks with one node. It is safe for concurrent use.
type Client struct {
	conn  *grpc.ClientConn
	pulse *pulse
	addr  string
	mem   memory.Allocator
}

// Dial makes a client of the node at addr, host:port. It connects with the first call,
// and again after a connection has broken. The memory of blocks that are fetched comes
// from mem. A host that is not this machine, without certificates, is fault.Invalid
// unless Security allows it.
func Dial(addr string, s Security, mem memory.Allocator) (*Client, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is no host:port: %w", addr, err)
	}
	if err := s.check(host); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(s.clientSide()),
		grpc.WithPerRPCCredentials(s),
		grpc.WithNoProxy(),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(4*streamWindow),
		grpc.WithReadBufferSize(64<<10),
		experimental.WithBufferPool(new(pool)),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(maxMessage+1<<10)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 2 * time.Second,
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 2 * time.Second, PermitWithoutStream: true}),
	)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", addr, err)
	}
	return &Client{conn: conn, pulse: newPulse(conn), addr: addr, mem: mem}, nil
}

// Executor is the node's executor. A node that does not let the caller in is
// fault.Retry: others may.
func (c *Client) Executor() Executor { return executorClient{c.peer(fault.Retry)} }

// Blocks are the node's blocks. They come compressed, unless the node is on this machine:
// there LZ4 costs more time than it saves.
func (c *Client) Blocks() Blocks {
	out := blocksClient{peer: c.peer(fault.Retry), mem: c.mem}
	if host, _, err := net.SplitHostPort(c.addr); err == nil && loopback(host) {
		out.codec = codecNone
	}
	return out
}

// Driver is the node's driver. One that does not let the caller in is fault.Invalid.
func (c *Client) Driver() Driver { return driverClient{c.peer(fault.Invalid)} }

// Close ends the connection and all calls over it.
func (c *Client) Close() error { return c.conn.Close() }

func (c *Client) peer(refused fault.Kind) peer { return peer{c.conn, c.pulse, c.addr, refused} }
