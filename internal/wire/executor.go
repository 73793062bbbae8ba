package wire

import (
	"context"

	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
)

const executorService = "idag.Executor"

type (
	runTask struct {
		Run  RunID     `json:"run"`
		Task work.Task `json:"task"`
	}
	runState struct {
		Run   RunID      `json:"run"`
		Order StateOrder `json:"order"`
	}
	runBatch struct {
		Run   RunID       `json:"run"`
		Batch rdd.BatchID `json:"batch"`
	}
)

// executorDesc describes the service to gRPC.
func executorDesc() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: executorService, HandlerType: (*Executor)(nil), Methods: []grpc.MethodDesc{
		unary("Open", func(ctx context.Context, x Executor, o Opening) (empty, error) { return empty{}, x.Open(ctx, o) }),
		unary("Run", func(ctx context.Context, x Executor, r runTask) (work.Receipt, error) {
			return x.Run(ctx, r.Run, r.Task)
		}),
		unary("State", func(ctx context.Context, x Executor, r runState) (work.State, error) {
			return x.State(ctx, r.Run, r.Order)
		}),
		unary("Release", func(ctx context.Context, x Executor, r runBatch) (empty, error) {
			return empty{}, x.Release(ctx, r.Run, r.Batch)
		}),
		unary("Close", func(ctx context.Context, x Executor, r RunID) (empty, error) { return empty{}, x.Close(ctx, r) }),
	}}
}

// executorClient is an executor in another process.
type executorClient struct{ peer }

func (x executorClient) Open(ctx context.Context, o Opening) error {
	_, err := ask[empty](ctx, x.peer, executorService, "Open", o)
	return err
}

func (x executorClient) Run(ctx context.Context, run RunID, t work.Task) (work.Receipt, error) {
	return ask[work.Receipt](ctx, x.peer, executorService, "Run", runTask{run, t})
}

func (x executorClient) State(ctx context.Context, run RunID, o StateOrder) (work.State, error) {
	return ask[work.State](ctx, x.peer, executorService, "State", runState{run, o})
}

func (x executorClient) Release(ctx context.Context, run RunID, batch rdd.BatchID) error {
	_, err := ask[empty](ctx, x.peer, executorService, "Release", runBatch{run, batch})
	return err
}

func (x executorClient) Close(ctx context.Context, run RunID) error {
	_, err := ask[empty](ctx, x.peer, executorService, "Close", run)
	return err
}

var _ Executor = executorClient{}
