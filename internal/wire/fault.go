package wire

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What of a fault crosses the wire. It travels in trailers, which have a limit.
const (
	maxText   = 64 << 10
	maxBlocks = 4096 // those left out are found missing later
)

// What callers tell apart besides the kind of a fault.
var (
	// ErrRefused is a call that the other side did not let in, or a side that is not
	// believed. Trying again is of no use until one of them is another.
	ErrRefused = errors.New("refused")
	// ErrSuperseded is a call of a driver that another one has succeeded.
	ErrSuperseded = errors.New("a newer driver has taken over")
)

// refusal is an ErrRefused with what was said.
type refusal struct{ text string }

func (r *refusal) Error() string        { return r.text }
func (r *refusal) Is(target error) bool { return target == ErrRefused } //nolint:errorlint // It is compared with what it is.

// carried is a fault on its way.
type carried struct {
	Kind    fault.Kind  `json:"kind"`
	Text    string      `json:"text"`
	Stack   string      `json:"stack,omitempty"`
	Missing []rdd.Block `json:"missing,omitempty"`
	// Superseded: it is ErrSuperseded.
	Superseded bool `json:"superseded,omitempty"`
}

// missing is what an error below fault.Lost may tell.
type missing interface{ MissingBlocks() []rdd.Block }

// toStatus makes a status of what a handler returned. The detail has all of it; code
// and message are for clients that know no faults.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	c := carry(err)
	s := status.New(codeOf(c.Kind), c.Text)
	text, err := json.Marshal(c)
	if err != nil {
		return s.Err()
	}
	if detailed, err := s.WithDetails(wrapperspb.Bytes(text)); err == nil {
		s = detailed
	}
	return s.Err()
}

// carry makes of an error what crosses the wire.
func carry(err error) *carried {
	c := &carried{Kind: fault.Of(err), Text: cut(err.Error()), Stack: cut(fault.Stack(err)), Superseded: errors.Is(err, ErrSuperseded)}
	var m missing
	if errors.As(err, &m) {
		c.Missing = m.MissingBlocks()
		c.Missing = c.Missing[:min(len(c.Missing), maxBlocks)]
	}
	return c
}

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "\uFFFD") }

func codeOf(k fault.Kind) codes.Code {
	switch k {
	case fault.Invalid:
		return codes.InvalidArgument
	case fault.Retry:
		return codes.Unavailable
	case fault.Lost:
		return codes.NotFound
	case fault.Bug:
	}
	return codes.Internal
}

// fromStatus makes a fault of what a call returned: the one that the other side met,
// or what kept the call from being answered. refused is the kind of a call that the
// other side does not let in.
func fromStatus(ctx context.Context, node string, err error, refused fault.Kind) error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	for _, d := range s.Details() {
		var c carried
		if b, ok := d.(*wrapperspb.BytesValue); ok && json.Unmarshal(b.Value, &c) == nil {
			return c.fault()
		}
	}
	if why := ended(ctx, s.Code()); why != nil {
		return fault.New(fault.Retry, "%s: the call was given up: %w", node, why)
	}
	if why := untrusting(s.Message()); why != "" {
		return fault.Wrap(refused, &refusal{node + ": " + why})
	}
	switch s.Code() { //nolint:exhaustive // All others are the world in the way.
	case codes.ResourceExhausted:
		return fault.New(fault.Invalid, "%s: too large for a message: %s", node, s.Message())
	case codes.Unauthenticated, codes.PermissionDenied, codes.FailedPrecondition, codes.Unimplemented:
		return fault.Wrap(refused, &refusal{node + " refuses the call: " + s.Message()})
	}
	return fault.New(fault.Retry, "%s cannot be reached: %s", node, s.Message())
}

// ended says why the caller's context has ended, or would have in a moment: the other
// side knows the deadline and may be the first to find that it is over.
func ended(ctx context.Context, code codes.Code) error {
	const moment = 100 * time.Millisecond
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if at, ok := ctx.Deadline(); ok && time.Until(at) < moment && (code == codes.DeadlineExceeded || code == codes.Canceled) {
		return context.DeadlineExceeded
	}
	return nil
}

// fault is the fault as it was on the other side, as far as it can be known here.
func (c carried) fault() error {
	kind := c.Kind
	if kind > fault.Lost {
		kind = fault.Bug
	}
	r := remote{text: c.Text}
	if c.Superseded {
		r.cause = ErrSuperseded
	}
	if c.Stack != "" {
		r.cause = fault.Panicked(strings.TrimPrefix(c.Text, "panic: "), []byte(c.Stack))
	}
	if len(c.Missing) > 0 {
		return fault.Wrap(kind, &lost{r, c.Missing})
	}
	return fault.Wrap(kind, &r)
}

// remote is an error of another process.
type remote struct {
	text  string
	cause error // bears the stack
}

func (r *remote) Error() string { return r.text }
func (r *remote) Unwrap() error { return r.cause }

// lost is one that tells the blocks that are gone.
type lost struct {
	remote
	blocks []rdd.Block
}

func (l *lost) MissingBlocks() []rdd.Block { return l.blocks }

// guard calls f; a panic is its fault.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Panicked(v, debug.Stack())
		}
	}()
	return f()
}
