package work

import (
	"fmt"

	"github.com/idag/idag/rdd"
)

// Missing is the error, below a fault.Lost, of a task that could not get blocks: those
// that it knows of, so that only they are made again.
type Missing struct {
	Blocks []rdd.Block `json:"blocks"`
}

func (m *Missing) Error() string {
	if len(m.Blocks) == 0 {
		return "blocks are gone"
	}
	b := m.Blocks[0]
	return fmt.Sprintf("%d blocks are gone, of batch %d, stage %d, task %d on %s the first", len(m.Blocks), b.Batch, b.Stage, b.Task, b.Node)
}
