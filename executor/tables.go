package executor

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/planner/physical"
)

// tables keeps aggregation tables that a task is done with for the next task of
// the same stage. Growing a table anew for every task costs more than filling it;
// and a table that is used again comes out with the dictionary it came out with
// before, which those who merge it then know already.
type tables struct {
	mu   sync.Mutex
	free map[int][]*agg.Table // by the stage that merges
}

// take returns an empty table for groups of the stage.
func (t *tables) take(mem memory.Allocator, stage int, g *physical.Grouping) *agg.Table {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.free[stage]
	if len(list) == 0 {
		return newTable(mem, g)
	}
	last := list[len(list)-1]
	t.free[stage] = list[:len(list)-1]
	return last
}

// giveBack empties a table and keeps it.
func (t *tables) giveBack(stage int, table *agg.Table) {
	table.Reset()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free == nil {
		t.free = map[int][]*agg.Table{}
	}
	t.free[stage] = append(t.free[stage], table)
}

func (t *tables) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, list := range t.free {
		for _, table := range list {
			table.Release()
		}
	}
	t.free = nil
}
