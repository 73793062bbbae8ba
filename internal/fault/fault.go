// Package fault classes errors by who must act on them.
//
// There are four kinds and one table in the driver's core that says what each
// leads to: [Invalid] stops the job and tells its author, [Retry] tries the
// task again, [Lost] recomputes the missing blocks by lineage, [Bug] stops
// with a stack. An error without a kind is a bug: the code that met it did not
// say what should happen.
package fault

import (
	"errors"
	"fmt"
)

// Kind says who must act on an error.
type Kind uint8

// The four kinds. The zero value is Bug, so that an error nobody classed is
// treated as one.
const (
	Bug     Kind = iota // the engine is wrong: stop, show the stack
	Invalid             // the job, its settings or its data are wrong: stop, tell the author where
	Retry               // the world was in the way: try again
	Lost                // something that was stored is gone: recompute it
)

// String returns the kind's name in lower case, as logs and receipts spell it.
func (k Kind) String() string {
	switch k {
	case Bug:
		return "bug"
	case Invalid:
		return "invalid"
	case Retry:
		return "retry"
	case Lost:
		return "lost"
	}
	return fmt.Sprintf("fault.Kind(%d)", k)
}

type classed struct {
	kind  Kind
	err   error
	stack string
}

func (c *classed) Error() string { return c.err.Error() }
func (c *classed) Unwrap() error { return c.err }

// New makes an error of kind k. It takes the verbs of [fmt.Errorf], %w included.
func New(k Kind, format string, args ...any) error {
	return &classed{kind: k, err: fmt.Errorf(format, args...)}
}

// Wrap gives err the kind k, whatever kind it had. It returns nil for nil.
func Wrap(k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &classed{kind: k, err: err}
}

// Panicked turns a recovered panic into a Bug that carries its stack. Only the
// task boundary recovers.
func Panicked(value any, stack []byte) error {
	return &classed{kind: Bug, err: fmt.Errorf("panic: %v", value), stack: string(stack)}
}

// Of returns the kind of the outermost classed error in err's chain, and Bug
// for an error that has none.
func Of(err error) Kind {
	var c *classed
	if errors.As(err, &c) {
		return c.kind
	}
	return Bug
}

// Stack returns the stack of the panic behind err, or "".
func Stack(err error) string {
	var c *classed
	for errors.As(err, &c) {
		if c.stack != "" {
			return c.stack
		}
		err = c.err
	}
	return ""
}
