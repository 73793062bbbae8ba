package cluster

import (
	"context"
	"errors"
	"sync"

	"github.com/idag/idag/internal/fault"
)

// peers are connections to other nodes, by address. They are made when they are
// first needed and kept.
type peers struct {
	dial Dial

	mu     sync.Mutex
	known  map[string]Peer
	closed bool
}

func newPeers(dial Dial) *peers { return &peers{dial: dial, known: map[string]Peer{}} }

// get returns the connection to an address.
func (p *peers) get(ctx context.Context, addr string) (Peer, error) {
	p.mu.Lock()
	known, closed := p.known[addr], p.closed
	p.mu.Unlock()
	switch {
	case closed:
		return nil, fault.New(fault.Retry, "this node is shutting down")
	case known != nil:
		return known, nil
	}
	made, err := p.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known = p.known[addr]; known != nil || p.closed {
		err = made.Close()
		if known == nil {
			return nil, errors.Join(fault.New(fault.Retry, "this node is shutting down"), err)
		}
		return known, nil
	}
	p.known[addr] = made
	return made, nil
}

// drop closes the connection to an address, if there is one.
func (p *peers) drop(addr string) {
	p.mu.Lock()
	known := p.known[addr]
	delete(p.known, addr)
	p.mu.Unlock()
	if known != nil {
		_ = known.Close() // nobody is there
	}
}

// close closes all connections; there will be no others.
func (p *peers) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, c := range p.known {
		errs = append(errs, c.Close())
	}
	clear(p.known)
	return errors.Join(errs...)
}
