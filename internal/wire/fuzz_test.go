package wire

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// idle is a node that does nothing, well.
func idle() (*node, *desk) {
	n := &node{
		open:    func(Opening) error { return nil },
		run:     func(context.Context, RunID, work.Task) (work.Receipt, error) { return work.Receipt{}, nil },
		state:   func(RunID, StateOrder) (work.State, error) { return work.State{}, nil },
		release: func(RunID, rdd.BatchID) error { return nil },
		closed:  func(RunID) error { return nil },
	}
	d := &desk{
		submit: func(submission.Job) (submission.Info, error) { return submission.Info{}, nil },
		jobs:   func() ([]submission.Info, error) { return nil, nil },
		stop:   func(string, bool) error { return nil },
		watch:  func(context.Context, string, int64, func(submission.Info, []string) error) error { return nil },
		nodes:  func() ([]byte, error) { return []byte("[]"), nil },
	}
	return n, d
}

// FuzzCall: whatever stands in a request, it is understood or it is the caller's mistake.
func FuzzCall(f *testing.F) {
	n, d := idle()
	c := pair(f, ServerConfig{Executor: n, Driver: d})
	methods := []string{executorService + "/Open", executorService + "/Run", executorService + "/State", executorService + "/Release", executorService + "/Close",
		driverService + "/Submit", driverService + "/Jobs", driverService + "/Stop", driverService + "/Nodes", nodeService + "/Ping"}
	for i, text := range []string{`{"run":"j/1","job":"AAAA","schemas":[null,"AA=="]}`, `{"task":{"splits":[{"payload":{}}],"blocks":[{}]}}`, `{"order":{"save":{}}}`, `{"batch":-1}`,
		`"j/1"`, `{"vars":{"a":"b"}}`, `{}`, `{"id":"x","drain":true}`, "null", strings.Repeat("[", 20000), ""} {
		f.Add(uint8(i), []byte(text))
	}
	f.Fuzz(func(t *testing.T, which uint8, text []byte) {
		err := c.conn.Invoke(t.Context(), "/"+methods[int(which)%len(methods)], wrapperspb.Bytes(text), new(wrapperspb.BytesValue))
		if err != nil && fault.Of(fromStatus(t.Context(), "n", err, fault.Retry)) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzFault: whatever a server says of a failure, it is a fault here.
func FuzzFault(f *testing.F) {
	for _, text := range []string{`{"kind":2,"text":"x","missing":[{}]}`, `{"kind":200,"stack":"s"}`, `{"kind":-1}`, "null", "x", `{"text":"panic: panic: "}`} {
		f.Add(uint32(13), []byte(text))
	}
	f.Fuzz(func(t *testing.T, code uint32, text []byte) {
		s, err := status.New(codes.Code(code%17), strings.ToValidUTF8(string(text), "")).WithDetails(wrapperspb.Bytes(text))
		if err != nil {
			return // there is no failure
		}
		got := fromStatus(t.Context(), "n", s.Err(), fault.Retry)
		if got == nil || fault.Of(got) > fault.Lost {
			t.Errorf("it became %v", got)
		}
		_, _ = fault.Stack(got), got.Error()
	})
}

// An answer that is none is a reason to ask somebody else.
func TestNonsense(t *testing.T) {
	s := serve(t, ServerConfig{Security: Plain(), extra: func(r *grpc.Server) {
		nonsense := grpc.MethodDesc{MethodName: "Run", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			return wrapperspb.Bytes([]byte("nonsense")), decode(new(wrapperspb.BytesValue))
		}}
		fewer := unary("RunTogether", func(_ context.Context, _ any, r runTasks) (json.RawMessage, error) { return []byte(r.Run), nil })
		unlike := unary("Release", func(context.Context, any, json.RawMessage) (json.RawMessage, error) { return nil, errTest })
		r.RegisterService(&grpc.ServiceDesc{ServiceName: executorService, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{nonsense, fewer, unlike}}, struct{}{})
	}})
	x := dial(t, s.Addr(), Plain(), memory.DefaultAllocator).Executor()
	if _, err := x.Run(t.Context(), "r", work.Task{}); fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "the answer to Run") {
		t.Errorf("nonsense: %v", err)
	}
	for answer, want := range map[string]string{
		`[{"task":0,"receipt":{}}]`: "1 answers to 2 tasks",
		`[{"task":0}]`:              "neither a receipt nor a fault",
		`[{"task":1,"receipt":{}}]`: "task 1 of 2 behind 0 others",
		`[{"task":0,"receipt":{}},{"task":1,"fault":{"kind":1}},{"task":2,"fault":{"kind":1}}]`: "task 2 of 2 behind 2 others",
		`7`: "the answer to RunTogether",
	} {
		told := 0
		err := x.(Together).RunTogether(t.Context(), RunID(answer), make([]work.Task, 2), func(i int, _ work.Receipt, _ error) {
			if i != told {
				t.Errorf("%s: told of task %d", answer, i)
			}
			told++
		})
		if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	if err := x.Open(t.Context(), Opening{}); fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "refuses the call: unknown method Open") {
		t.Errorf("a method that is not there: %v", err)
	}
	if err := x.Release(t.Context(), "r", 1); fault.Of(err) != fault.Bug || err.Error() != errTest.Error() {
		t.Errorf("a method that fails: %v", err)
	}
}
