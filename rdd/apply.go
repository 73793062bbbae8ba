package rdd

import (
	"slices"

	"github.com/idag/idag/rdd/fn"
)

// Apply applies a function of the program to the rows of For: see package fn. The rows
// have the columns that it reads, and those that come out have the ones that it
// writes. Func is its name, and Columns gives those of its columns that the job
// calls otherwise: by the declared name, the job's. Element i of a row with child ordinal c,
// of a function that multiplies rows, has the ordinal c*2^20+i.
type Apply struct {
	For     LabelSet
	Func    string
	Columns map[string]string
}

// Names returns what the job calls columns of the function.
func (a Apply) Names(columns []fn.Column) []string {
	out := make([]string, 0, len(columns))
	for _, c := range columns {
		if name, ok := a.Columns[c.Name]; ok {
			c.Name = name
		}
		out = append(out, c.Name)
	}
	return out
}

// Sets returns the columns that an operation over single rows sets or drops, where the
// functions are those given, each once.
func (d *Dataset) Sets(functions fn.Set) []string {
	var out []string
	switch op := d.op.(type) {
	case Map:
		for _, s := range op.Set {
			out = append(out, s.Column)
		}
		out = append(out, op.Drop...)
	case FlatMap:
		out = append(op.Columns(false), op.Columns(true)...)
	case Apply:
		if f, err := functions.Func(op.Func); err == nil {
			out = op.Names(f.Writes)
		}
	case Broadcast:
		out = op.Names()
	default:
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Apply applies a function of the program.
func (d *Dataset) Apply(a Apply) *Dataset { return Extend(a, caller(), nil, d) }

// Kind implements Operation.
func (Apply) Kind() string { return "apply" }

func (Apply) operation() {}
