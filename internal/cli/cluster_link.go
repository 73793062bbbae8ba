package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/submission"
)

const (
	probeFor  = 3 * time.Second        // how long one node may take to answer
	searchFor = 20 * time.Second       // how long to look for a driver that was there
	searchGap = 200 * time.Millisecond // between two looks
)

// link is a connection to whoever drives a cluster. Any node says who that is, so that
// another driver is found when the first one is gone.
type link struct {
	dial     func(addr string, s wire.Security) (wire.Driver, io.Closer, error)
	security wire.Security
	addrs    []string // of nodes that may know
	idle     bool     // nodes have answered, when they were asked last, but none drives
	conn     io.Closer

	mu     sync.Mutex
	at     string // where the driver is
	driver wire.Driver
}

// now is the driver that was found last.
func (l *link) now() wire.Driver {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.driver
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing was left unsaid
		l.conn = nil
	}
}

// find looks for the driver once, from node to node.
func (l *link) find(ctx context.Context) error {
	l.close()
	l.idle = false
	var errs []error
	for i := 0; i < len(l.addrs); i++ {
		addr := l.addrs[i]
		d, conn, err := l.dial(addr, l.security)
		if err != nil {
			return err
		}
		err = l.probe(ctx, d)
		if err == nil {
			l.mu.Lock()
			l.at, l.driver, l.conn = addr, d, conn
			l.mu.Unlock()
			return nil
		}
		if l.learn(ctx, d) && fault.Of(err) == fault.Retry && !l.idle {
			l.idle, errs = true, append([]error{err}, errs...) // what it says goes before who does not answer
		} else {
			errs = append(errs, err)
		}
		errs = append(errs, conn.Close())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	err := errors.Join(errs...)
	if fault.Of(err) == fault.Invalid {
		return err
	}
	// Once it has answered, somebody else closes the connection: a relay whose node is gone.
	if l.driver == nil && l.security.Plain && strings.Contains(err.Error(), "error reading server preface") { // as gRPC says it
		return fault.New(fault.Invalid, "%s wants certificates: --ca, --cert and --cert-key", l.addrs[0])
	}
	if l.idle {
		return fault.New(fault.Retry, "%w: %s", errDriver, first(errs).Error())
	}
	return fault.New(fault.Retry, "%w: %s", errReach, plainly(first(errs).Error()))
}

// plainly takes the words out of an error that say how gRPC came by it.
func plainly(text string) string {
	addr, why, ok := strings.Cut(text, " cannot be reached: ")
	if !ok {
		return text
	}
	if inner, ok := strings.CutPrefix(why, `connection error: desc = "transport: `); ok {
		why = strings.TrimSuffix(inner, `"`)
	}
	why = strings.TrimPrefix(why, "Error while dialing: ")
	why = strings.TrimPrefix(why, "dial tcp "+addr+": ")
	why = strings.TrimPrefix(why, "dial tcp: ")
	switch why = strings.TrimPrefix(why, "connect: "); why {
	case "connection refused":
		why = "nobody listens there"
	case "authentication handshake failed: EOF":
		why = "it hung up; is that where it listens for jobs (--listen), not its gossip (--bind)?"
	case "authentication handshake failed: context deadline exceeded":
		why = "it does not answer"
	}
	return addr + " cannot be reached: " + why
}

// first returns the first error.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// again looks for the driver until there is one.
func (l *link) again(ctx context.Context) error {
	for end := time.Now().Add(searchFor); ; {
		err := l.find(ctx)
		if err == nil || ctx.Err() != nil || fault.Of(err) != fault.Retry || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(searchGap):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// probe asks a node whether it drives.
func (l *link) probe(ctx context.Context, d wire.Driver) error {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	_, err := d.Jobs(ctx)
	if err == nil {
		l.learn(ctx, d)
	}
	return err
}

// learn asks a node for all those that may drive, and reports whether it has answered.
func (l *link) learn(ctx context.Context, d wire.Driver) bool {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	members, err := nodesOf(ctx, d)
	if err != nil {
		return false
	}
	for _, m := range members {
		if (m.Role == gossip.Driver || m.Role == gossip.Standby) && m.RPC != "" && !slices.Contains(l.addrs, m.RPC) {
			l.addrs = append(l.addrs, m.RPC)
		}
	}
	return true
}

// nodesOf asks for the members of a cluster.
func nodesOf(ctx context.Context, d wire.Driver) ([]submission.Node, error) {
	text, err := d.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	var out []submission.Node
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fault.New(fault.Retry, "the list of nodes cannot be read: %w", err)
	}
	return out, nil
}

// told prints, to people, that the driver is another one now.
func (l *link) told() string { return fmt.Sprintf("the driver is at %s now", l.at) }
