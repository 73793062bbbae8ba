package cluster

import (
	"context"
	"sync"

	"github.com/idag/idag/rdd"
)

// busyKey names what only one may be at: a part of a stateful stage, of any batch, or
// a task.
type busyKey struct {
	batch        rdd.BatchID
	stage, index int
}

// busy lets one at a time at each key.
type busy struct {
	mu   sync.Mutex
	keys map[busyKey]bool
	held bool          // by one for all keys
	turn chan struct{} // closed, and replaced, when somebody is done
}

func newBusy() *busy {
	return &busy{keys: map[busyKey]bool{}, turn: make(chan struct{})}
}

// begin waits for a key. Whoever has it calls done.
func (b *busy) begin(ctx context.Context, k busyKey) (done func(), err error) {
	return b.wait(ctx, func() bool {
		if b.held || b.keys[k] {
			return false
		}
		b.keys[k] = true
		return true
	}, func() { delete(b.keys, k) })
}

// all waits until nobody is at anything, and keeps it so until done.
func (b *busy) all(ctx context.Context) (done func(), err error) {
	return b.wait(ctx, func() bool {
		if b.held || len(b.keys) > 0 {
			return false
		}
		b.held = true
		return true
	}, func() { b.held = false })
}

// wait calls take until it succeeds. Both functions are called with the lock held. Who
// comes with a context that has ended gets nothing, even if it is free.
func (b *busy) wait(ctx context.Context, take func() bool, give func()) (func(), error) {
	for {
		b.mu.Lock()
		if ctx.Err() != nil {
			b.mu.Unlock()
			return nil, context.Cause(ctx)
		}
		if take() {
			b.mu.Unlock()
			return func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				give()
				close(b.turn)
				b.turn = make(chan struct{})
			}, nil
		}
		turn := b.turn
		b.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
		}
	}
}
