package ledger

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/rdd"
)

// Memory is a ledger that lives as long as its process. The zero value is
// empty and ready for use, by several goroutines too.
type Memory struct {
	mu      sync.Mutex
	entries []driver.Entry
}

var _ driver.Ledger = (*Memory)(nil)

// Append implements driver.Ledger.
func (m *Memory) Append(ctx context.Context, entries ...driver.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, entries...)
	return nil
}

// Trim implements driver.Ledger. It forgets nothing, for tests want to see all.
func (m *Memory) Trim(ctx context.Context, _ rdd.BatchID) error { return ctx.Err() }

// Void is a ledger that keeps nothing, for a run that will not be taken up again.
type Void struct{}

var _ driver.Ledger = Void{}

// Append implements driver.Ledger.
func (Void) Append(ctx context.Context, _ ...driver.Entry) error { return ctx.Err() }

// Replay implements driver.Ledger. There is nothing to yield.
func (Void) Replay(context.Context) iter.Seq2[driver.Entry, error] {
	return func(func(driver.Entry, error) bool) {}
}

// Trim implements driver.Ledger.
func (Void) Trim(ctx context.Context, _ rdd.BatchID) error { return ctx.Err() }

// Replay implements driver.Ledger. It yields what was there when it began.
func (m *Memory) Replay(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		m.mu.Lock()
		entries := slices.Clone(m.entries)
		m.mu.Unlock()
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}
