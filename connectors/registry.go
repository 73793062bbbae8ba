package connectors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Registry is the connectors that a program has. It is a value: a copy is
// independent, the zero Registry is empty, and no method changes its receiver.
type Registry struct {
	kinds map[string]Kind // never written after it is made
}

// NewRegistry returns a registry of kinds. Of several with one name the last
// counts.
func NewRegistry(kinds ...Kind) Registry {
	return Registry{}.With(kinds...)
}

// With returns a registry that has kinds as well; they replace those of the
// same name.
func (r Registry) With(kinds ...Kind) Registry {
	out := make(map[string]Kind, len(r.kinds)+len(kinds))
	maps.Copy(out, r.kinds)
	for _, k := range kinds {
		out[k.Name] = k
	}
	return Registry{kinds: out}
}

// Only returns a registry that has of r's kinds only those named. Names that r
// does not know are passed over.
func (r Registry) Only(names ...string) Registry {
	out := make(map[string]Kind, len(names))
	for _, n := range names {
		if k, ok := r.kinds[n]; ok {
			out[n] = k
		}
	}
	return Registry{kinds: out}
}

// Names returns the names of the kinds in alphabetical order.
func (r Registry) Names() []string {
	return slices.Sorted(maps.Keys(r.kinds))
}

// Lookup returns the kind called name. The error suggests the nearest name.
func (r Registry) Lookup(name string) (Kind, error) {
	if k, ok := r.kinds[name]; ok {
		return k, nil
	}
	return Kind{}, fault.New(fault.Invalid, "unknown connector %q%s", name, meant(name, r.Names()))
}

// Source opens the source that d, a Read, names, with its options checked. A
// mistake in them is an [rdd.Error] at the option's place.
func (r Registry) Source(ctx context.Context, d *rdd.Dataset, env Env) (Source, error) {
	read, ok := d.Op().(rdd.Read)
	if !ok {
		return nil, fault.New(fault.Bug, "connectors: %s is not a read", d.Op().Kind())
	}
	k, o, hidden, err := r.resolve(read.Connector, Reading, read.Options)
	if err != nil {
		return nil, locate(d, hidden, err)
	}
	if read.Trust != "" && !k.Listed {
		return nil, fault.Wrap(fault.Invalid, &rdd.Error{At: d.At("trust"), Text: "read: " + Untrusted(k.Name)})
	}
	s, err := k.Source(ctx, o, env)
	return guardSource(s, hidden), locate(d, hidden, err)
}

// Untrusted says why a read of a kind takes no trust.
func Untrusted(kind string) string {
	return fmt.Sprintf("what %s reads bears no headers that list operations, so there is nothing to trust; leave trust out", kind)
}

// Sink opens the sink that d, a Write, names, with its options checked. A
// mistake in them is an [rdd.Error] at the option's place.
func (r Registry) Sink(ctx context.Context, d *rdd.Dataset, env Env) (Sink, error) {
	w, ok := d.Op().(rdd.Write)
	if !ok {
		return nil, fault.New(fault.Bug, "connectors: %s is not a write", d.Op().Kind())
	}
	k, o, hidden, err := r.resolve(w.Connector, Writing, w.Options)
	if err != nil {
		return nil, locate(d, hidden, err)
	}
	s, err := k.Sink(ctx, o, env)
	return guardSink(s, hidden), locate(d, hidden, err)
}

// resolve returns the kind, the options with the values of the environment and
// all defaults, and what must not be seen of them.
func (r Registry) resolve(name string, use Use, o rdd.Options) (Kind, rdd.Options, secrets, error) {
	k, err := r.Lookup(name)
	if err != nil {
		return Kind{}, nil, nil, err
	}
	o, hidden, err := k.expand(o)
	if err != nil {
		return k, nil, hidden, err
	}
	o, err = k.Check(use, o)
	return k, o, hidden, err
}

// locate puts the author's position on mistakes that connectors found. Errors
// that are not the author's keep what they are.
func locate(d *rdd.Dataset, hidden secrets, err error) error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range joined.Unwrap() {
			list = append(list, locate(d, hidden, e))
		}
		return fault.Wrap(fault.Of(list[0]), errors.Join(list...))
	}
	var oe *OptionError
	switch {
	case errors.As(err, &oe) && oe.Option != "":
		err = &rdd.Error{At: d.At("options." + oe.Option), Text: hidden.show(err.Error())}
	case oe != nil || fault.Of(err) == fault.Invalid:
		err = &rdd.Error{At: d.At("connector"), Text: hidden.show(err.Error())}
	default:
		return hidden.hush(err)
	}
	return fault.Wrap(fault.Invalid, err)
}
