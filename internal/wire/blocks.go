package wire

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// flightServer serves blocks to any Flight client.
type flightServer struct {
	flight.BaseFlightServer
	blocks Blocks
	mem    memory.Allocator
}

// blocksClient are the blocks of another process.
type blocksClient struct {
	peer
	mem memory.Allocator
}

func (c blocksClient) Block(context.Context, RunID, rdd.Block) (*rdd.Frames, error) {
	return nil, fault.New(fault.Retry, "%s: blocks cannot be fetched yet", c.addr)
}

var _ Blocks = blocksClient{}
