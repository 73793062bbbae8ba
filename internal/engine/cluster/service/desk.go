package service

import (
	"context"
	"sync"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/submission"
)

// Desk is what a node serves to those who submit jobs: its own service while it drives,
// else it says who does. Every node knows the members of its cluster.
type Desk struct {
	members func() []gossip.Member

	mu      sync.Mutex
	service *Service
}

var _ wire.Driver = (*Desk)(nil)

// NewDesk makes the desk of a node that does not drive.
func NewDesk(members func() []gossip.Member) *Desk { return &Desk{members: members} }

// Drive makes a service that of the node; nil: the node does not drive any more.
func (d *Desk) Drive(s *Service) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.service = s
}

func (d *Desk) driver() (*Service, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.service != nil {
		return d.service, nil
	}
	for _, m := range d.members() {
		if m.Role == gossip.Driver && m.Condition == gossip.Alive {
			return nil, fault.New(fault.Retry, "this node does not drive; the driver %s is at %s", m.Name, m.RPC)
		}
	}
	return nil, fault.New(fault.Retry, "this node does not drive, and it knows of no driver")
}

// Submit implements wire.Driver.
func (d *Desk) Submit(ctx context.Context, j submission.Job) (submission.Info, error) {
	s, err := d.driver()
	if err != nil {
		return submission.Info{}, err
	}
	return s.Submit(ctx, j)
}

// Jobs implements wire.Driver.
func (d *Desk) Jobs(ctx context.Context) ([]submission.Info, error) {
	s, err := d.driver()
	if err != nil {
		return nil, err
	}
	return s.Jobs(ctx)
}

// Stop implements wire.Driver.
func (d *Desk) Stop(ctx context.Context, id string, drain bool) error {
	s, err := d.driver()
	if err != nil {
		return err
	}
	return s.Stop(ctx, id, drain)
}

// Watch implements wire.Driver.
func (d *Desk) Watch(ctx context.Context, id string, from int64, tell func(submission.Info, []string) error) error {
	s, err := d.driver()
	if err != nil {
		return err
	}
	return s.Watch(ctx, id, from, tell)
}

// Nodes implements wire.Driver. Only a node that drives knows who can be used.
func (d *Desk) Nodes(ctx context.Context) ([]byte, error) {
	if s, err := d.driver(); err == nil {
		return s.Nodes(ctx)
	}
	return nodesJSON(d.members(), func(gossip.Member) string { return "" })
}
