// Package fault classes errors by who must act on them.
//
// There are four kinds and one table in the driver's core that says what each
// leads to: [Invalid] stops the job and tells its author, [Retry] tries the
// task again, [Lost] recomputes the missing blocks by lineage, [Bug] stops
// with a stack. An error without a kind is a bug: the code that met it did not
// say what should happen.
package fault

import "fmt"

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
// task boundary, and goroutines below it, recover.
func Panicked(value any, stack []byte) error {
	err, ok := value.(error)
	if ok {
		err = fmt.Errorf("panic: %w", err)
	} else {
		err = fmt.Errorf("panic: %v", value)
	}
	return &classed{kind: Bug, err: err, stack: string(stack)}
}

// Of returns the kind of err: that of the outermost classed error in its
// chain. Where errors are joined the most serious of their kinds counts, in
// the order Bug, Invalid, Lost, Retry, for trying again does not help what is
// wrong as well; joined errors without a kind, such as that of a Close after a
// failure, do not count. An error without any kind is a Bug.
func Of(err error) Kind {
	found, kind := false, Bug
	outermost(err, func(c *classed) {
		if !found || seriousness(c.kind) > seriousness(kind) {
			found, kind = true, c.kind
		}
	})
	return kind
}

func seriousness(k Kind) int {
	switch k {
	case Retry:
		return 0
	case Lost:
		return 1
	case Invalid:
		return 2
	case Bug:
	}
	return 3
}

// outermost calls f for the first classed error on every branch of err.
func outermost(err error, f func(*classed)) {
	switch e := err.(type) { //nolint:errorlint // This is the walk along the wrapping.
	case *classed:
		f(e)
	case interface{ Unwrap() error }:
		outermost(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, x := range e.Unwrap() {
			outermost(x, f)
		}
	}
}

// Stack returns the stack of the panic behind err, the first where errors are
// joined, or "".
func Stack(err error) string {
	stack := ""
	outermost(err, func(c *classed) {
		if stack == "" {
			stack = c.stack
		}
		if stack == "" {
			stack = Stack(c.err)
		}
	})
	return stack
}
