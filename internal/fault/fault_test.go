package fault_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The driver sees errors through many hands: whatever wraps or joins them must
// not change who has to act.
func TestOf(t *testing.T) {
	retry, lost := fault.New(fault.Retry, "slow disk"), fault.New(fault.Lost, "block gone")
	invalid, bug := fault.New(fault.Invalid, "no such column"), fault.New(fault.Bug, "impossible")
	plain := errors.New("close failed")
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"as made", lost, fault.Lost},
		{"wrapped once", fmt.Errorf("stage 3: %w", retry), fault.Retry},
		{"wrapped often", fmt.Errorf("a: %w", fmt.Errorf("b: %w", fmt.Errorf("c: %w", invalid))), fault.Invalid},
		{"nobody classed it", plain, fault.Bug},
		{"nil has no kind of its own", nil, fault.Bug},
		{"the outermost class counts", fault.Wrap(fault.Retry, fmt.Errorf("upload: %w", invalid)), fault.Retry},
		{"a class around another's text", fault.New(fault.Lost, "part: %w", retry), fault.Lost},
		{"joined with an unclassed error", errors.Join(retry, plain), fault.Retry},
		{"joined behind an unclassed error", errors.Join(plain, lost), fault.Lost},
		{"joined with nil", errors.Join(nil, invalid, nil), fault.Invalid},
		{"retry does not help what is lost", errors.Join(retry, lost), fault.Lost},
		{"nor what is invalid", errors.Join(lost, retry, invalid), fault.Invalid},
		{"nor a bug", errors.Join(invalid, fmt.Errorf("x: %w", bug)), fault.Bug},
		{"the order of joining does not matter", errors.Join(bug, invalid), fault.Bug},
		{"several %w", fmt.Errorf("%w and %w", retry, lost), fault.Lost},
		{"joined in joined", errors.Join(plain, errors.Join(retry, fmt.Errorf("y: %w", lost))), fault.Lost},
		{"a class over joined errors", fault.Wrap(fault.Retry, errors.Join(bug, invalid)), fault.Retry},
		{"a panic", fault.Panicked("index out of range", nil), fault.Bug},
		{"a panic with a classed error", fault.Panicked(retry, nil), fault.Bug},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.Of(c.err); got != c.want {
				t.Errorf("Of(%v) is %s, want %s", c.err, got, c.want)
			}
		})
	}
}

// A class adds nothing to the text and hides nothing behind it.
func TestWrapIsTransparent(t *testing.T) {
	if err := fault.Wrap(fault.Retry, nil); err != nil {
		t.Errorf("Wrap of nil is %v", err)
	}
	inner := &fs.PathError{Op: "open", Path: "x", Err: io.ErrUnexpectedEOF}
	for _, err := range []error{
		fault.Wrap(fault.Retry, inner),
		fault.New(fault.Lost, "%w", inner),
		fault.Panicked(inner, nil),
	} {
		var path *fs.PathError
		if !errors.As(err, &path) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v hides what it wraps", err)
		}
	}
	if got := fault.Wrap(fault.Invalid, inner).Error(); got != inner.Error() {
		t.Errorf("Wrap changed the text to %q", got)
	}
	if got := fault.New(fault.Lost, "part %d: %w", 7, inner).Error(); got != "part 7: "+inner.Error() {
		t.Errorf("New spells %q", got)
	}
}

// The stack is found behind whatever stands around the panic.
func TestStack(t *testing.T) {
	p := fault.Panicked("boom", []byte("goroutine 1 [running]"))
	if got := p.Error(); got != "panic: boom" {
		t.Errorf("the panic reads %q", got)
	}
	for name, err := range map[string]error{
		"bare":            p,
		"wrapped":         fmt.Errorf("task 3: %w", p),
		"classed again":   fault.Wrap(fault.Bug, fmt.Errorf("node: %w", p)),
		"classed thrice":  fault.Wrap(fault.Retry, fault.Wrap(fault.Lost, p)),
		"joined":          errors.Join(fault.New(fault.Invalid, "x"), p),
		"joined, classed": fault.Wrap(fault.Bug, errors.Join(fault.New(fault.Lost, "x"), fmt.Errorf("y: %w", p))),
	} {
		if got := fault.Stack(err); got != "goroutine 1 [running]" {
			t.Errorf("%s: the stack is %q", name, got)
		}
	}
	for _, err := range []error{nil, io.EOF, fault.New(fault.Bug, "no panic"), errors.Join(io.EOF, fault.New(fault.Retry, "x"))} {
		if got := fault.Stack(err); got != "" {
			t.Errorf("%v has the stack %q", err, got)
		}
	}
}

func TestKindNames(t *testing.T) {
	for k, want := range map[fault.Kind]string{fault.Bug: "bug", fault.Invalid: "invalid", fault.Retry: "retry",
		fault.Lost: "lost", 9: "fault.Kind(9)"} {
		if got := k.String(); got != want {
			t.Errorf("kind %d is called %q, want %q", k, got, want)
		}
	}
	if fault.Kind(0) != fault.Bug {
		t.Error("the zero kind must be Bug: what nobody classed is one")
	}
}
