package engine

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/executor/snapshot"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Fleet is the executors as the driver sees them.
type Fleet = driver.Fleet

// local is executors in this process, one slot each. They share sources, sinks
// and blocks; each keeps the state of its own key groups.
type local struct {
	nodes  []driver.Node
	execs  map[string]*executor.Executor
	blocks *executor.Blocks
	states string // directory of checkpoints, or ""
}

func newLocal(n *node, count int, mem memory.Allocator) *local {
	f := &local{execs: map[string]*executor.Executor{}, blocks: executor.NewBlocks(), states: n.cfg.states()}
	for i := range count {
		name := fmt.Sprintf("executor-%d", i+1)
		f.nodes = append(f.nodes, driver.Node{Name: name, Slots: 1})
		f.execs[name] = executor.New(executor.Config{Node: name, Plan: n.plan, Sources: n.sources,
			Sinks: n.sinks, Dead: n.dead, Blocks: f.blocks, Cache: n.cache(), Mem: mem, Temp: n.cfg.Temp,
			States: f.states, Point: n.cfg.Point.at})
	}
	return f
}

func (f *local) Nodes() []driver.Node { return f.nodes }

func (f *local) Run(ctx context.Context, node string, t work.Task) (work.Receipt, error) {
	x, err := f.exec(node)
	if err != nil {
		return work.Receipt{}, err
	}
	return x.Run(ctx, t)
}

func (f *local) exec(node string) (*executor.Executor, error) {
	x, ok := f.execs[node]
	if !ok {
		return nil, fault.New(fault.Bug, "no executor is called %q", node)
	}
	return x, nil
}

// Save implements driver.States.
func (f *local) Save(ctx context.Context, node string, s work.State) (work.State, error) {
	x, err := f.exec(node)
	if err != nil {
		return s, err
	}
	return x.Save(ctx, s)
}

// Restore implements driver.States.
func (f *local) Restore(ctx context.Context, node string, parts []work.State) error {
	x, err := f.exec(node)
	if err != nil {
		return err
	}
	return x.Restore(ctx, parts)
}

// Adopt lets parts move between executors.
func (f *local) Adopt(ctx context.Context, node string, parts []work.State) error {
	x, err := f.exec(node)
	if err != nil {
		return err
	}
	return x.Adopt(ctx, parts)
}

// Retain implements driver.States. All executors share a directory.
func (f *local) Retain(_ context.Context, parts []work.State) error {
	return snapshot.Retain(f.states, parts)
}

func (f *local) Release(batch rdd.BatchID) { f.blocks.Drop(batch) }

func (f *local) close() error {
	for _, x := range f.execs {
		x.Close()
	}
	f.blocks.Close()
	return nil
}

var (
	_ driver.Fleet  = (*local)(nil)
	_ driver.States = (*local)(nil)
)
