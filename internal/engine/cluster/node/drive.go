package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/home"
	"github.com/idag/idag/internal/engine/cluster/service"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// DriverConfig is what a driver needs besides.
type DriverConfig struct {
	Config
	Home    string           // directory on storage that all nodes share
	Standby bool             // wait while another driver has the home
	Now     func() time.Time // the clock; nil means time.Now
	// Build makes a submitted job.
	Build func(submission.Job) (*rdd.Job, error)
}

// Drive is a driver until ctx ends or Config.Stop is closed. Then its jobs finish the
// batches in flight; the next driver takes them up. A home that another driver has is a
// fault.Invalid, unless the node stands by.
func Drive(ctx context.Context, cfg DriverConfig) error {
	listener, err := listen(ctx, cfg.Config)
	if err != nil {
		return err
	}
	var h *home.Home
	if !cfg.Standby {
		if h, err = home.Open(cfg.Home, home.Owner{Name: cfg.Gossip.Self.Name, RPC: listener.Addr().String(), Clock: cfg.Now}); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	n, err := open(ctx, cfg.Config, listener, gossip.Standby, func(*node, *wire.ServerConfig) {})
	if err != nil {
		return errors.Join(err, closeHome(h))
	}
	if cfg.Standby {
		n.ready()
	}
	d := &drives{node: n, cfg: cfg}
	if err = d.terms(ctx, h); errors.Is(err, errAsked) {
		err = nil
	}
	return errors.Join(err, n.leave(ctx))
}

func closeHome(h *home.Home) error {
	if h == nil {
		return nil
	}
	return h.Close()
}

// errAsked ends a node in order.
var errAsked = errors.New("the node was asked to end")

// drives is a driver's node.
type drives struct {
	*node
	cfg DriverConfig
}

// terms drives in one term after the other.
func (d *drives) terms(ctx context.Context, h *home.Home) (err error) {
	for {
		if h == nil {
			if h, err = d.await(ctx); err != nil {
				return err
			}
		}
		if err := d.term(ctx, h); err != nil {
			return err
		}
		if !d.cfg.Standby {
			return fault.New(fault.Retry, "another driver has taken over the home %s", d.cfg.Home)
		}
		h = nil
		d.become(gossip.Standby)
	}
}

// await stands by.
func (d *drives) await(ctx context.Context) (*home.Home, error) {
	if err := d.shared(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-d.cfg.Stop:
			cancel(errAsked)
		case <-d.gossip.Done():
			cancel(d.gossip.Err())
		case <-ctx.Done():
		}
	}()
	return home.Await(ctx, d.cfg.Home, home.Owner{Name: d.cfg.Gossip.Self.Name, RPC: d.rpc, Clock: d.cfg.Now}, func(o home.Owner) {
		if o.Name != "" {
			d.node.cfg.Log(fmt.Sprintf("standing by for the driver %s at %s", o.Name, o.RPC))
		}
	})
}

// shared refuses a home that is not that of the driver which the gossip knows.
func (d *drives) shared(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		for _, m := range d.gossip.Members() {
			if m.Role != gossip.Driver || m.Condition != gossip.Alive || m.Name == d.cfg.Gossip.Self.Name {
				continue
			}
			if owner, err := home.OwnerOf(d.cfg.Home); err != nil || owner.Name == m.Name {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	owner, err := home.OwnerOf(d.cfg.Home)
	if err != nil {
		return err
	}
	for _, m := range d.gossip.Members() {
		if m.Role == gossip.Driver && m.Condition == gossip.Alive && m.Name != owner.Name && m.Name != d.cfg.Gossip.Self.Name {
			return fault.New(fault.Invalid, "the driver %s does not have the home %s that this node stands by for: is the directory shared between them?", m.Name, d.cfg.Home)
		}
	}
	return nil
}

// term drives until the term is over, which is no error, or the node ends.
func (d *drives) term(ctx context.Context, h *home.Home) (err error) {
	roster := cluster.NewRoster(cluster.RosterConfig{Members: d.gossip.Members, Dial: dialer(d.cfg.Security), Log: d.node.cfg.Log})
	defer func() { err = errors.Join(err, roster.Close()) }()
	s, err := service.New(service.Config{Home: h, Members: d.gossip.Members, Changes: d.gossip.Changes(), Roster: roster, Kinds: d.cfg.Kinds,
		Build: d.cfg.Build, Log: d.node.cfg.Log, Run: func(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *service.Seat) (engine.Summary, error) {
			return d.run(ctx, job, cfg, seat, roster)
		}})
	if err != nil {
		return errors.Join(err, h.Close())
	}
	d.desk.Drive(s)
	d.become(gossip.Driver)
	d.ready()
	d.node.cfg.Log(fmt.Sprintf("driving, term %d of the home %s", h.Term(), h.Dir()))
	grace := ctx
	select {
	case <-d.cfg.Stop:
		err = errAsked
		d.node.cfg.Log("ending: jobs finish their batches in flight")
	case <-d.gossip.Done():
		err = d.gossip.Err()
		grace = ended()
	case <-h.Lost():
		grace = ended()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	grace, cancel := context.WithTimeout(grace, patience)
	defer cancel()
	closing := s.Close(grace)
	d.desk.Drive(nil)
	return errors.Join(err, closing, h.Close())
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// run runs a job on the executors of its seat.
func (d *drives) run(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *service.Seat, roster *cluster.Roster) (engine.Summary, error) {
	cfg.Temp, cfg.Now = d.cfg.Temp, d.cfg.Now
	cfg.Connect = func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
		return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: seat.Members, Dial: dialer(d.cfg.Security),
			Stop: cfg.Stop, Note: seat.Note, Why: seat.Lacks, Mark: func(member string, why error) { roster.Mark(seat.Job(), member, why) }})
	}
	return engine.Run(ctx, job, cfg)
}

// dialer connects to executors.
func dialer(s wire.Security) cluster.Dial {
	return func(_ context.Context, addr string) (cluster.Peer, error) {
		c, err := wire.Dial(addr, s, memory.NewGoAllocator())
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// Dial speaks with a node for those who submit jobs. It connects with the first call;
// the caller closes it.
func Dial(addr string, s wire.Security) (wire.Driver, io.Closer, error) {
	c, err := wire.Dial(addr, s, memory.NewGoAllocator())
	if err != nil {
		return nil, nil, err
	}
	return c.Driver(), c, nil
}
