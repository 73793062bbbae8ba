// Package fuse carries out computations that follow one another together, a block of
// rows through all of them at a time: what one computes for the next stays in the
// first cache and never becomes an array, and what two compute alike is computed
// once.
//
//	f, taken := fuse.Compile(types, list)
//	r, err := f.Eval(mem, columns, masks, rows)
//	defer r.Release()
//
// A [Term] is one computation: it asks the [Builder] for the values that it is made of.
// There are 64-bit integers and floats, times, lengths of time, and booleans, each of
// which may be null in some rows. A value has failed in some rows where integers overflow or a
// divisor is 0: there it is null, and so is what is made of it. Failures are counted for
// each term.
//
// Memory: columns are borrowed. All scratch and all results come from the given allocator.
package fuse

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/affine"
	"github.com/idag/idag/internal/kernel/scalar"
)

// Term is a computation over columns. Fuse gives its value, or one of the columns. It
// is false if the builder does not know what it would need.
type Term interface {
	Fuse(b *Builder, columns []Value) (Value, bool)
}

// Assignment changes columns: column i behind it is the result of Terms[Term[i]] or,
// where that is negative, column From[i] before it, which is null where From[i] is
// negative too.
type Assignment struct {
	Terms []Term
	Term  []int
	From  []int
	// Mask is the ordinal of the mask of the rows that it is for, or -1 for all. Other
	// rows keep the column From[i].
	Mask int
}

// Fusion is a sequence of assignments, compiled. It is immutable: any number of
// goroutines may evaluate it at once.
type Fusion struct {
	values []value
	inputs []int // values that are columns
	insts  []int // values that are computed, in order
	slots  int   // pieces of scratch that a block needs
	counts []int // by count: the assignment whose failures are counted
	out    []Place
	made   []made
	masks  int
	steps  [][]affine.Step
}

// Place says where a column behind a Fusion is: it is column Input before it, or
// its result Value. The one that is not meant is negative, both are where the
// column is null.
type Place struct{ Input, Value int }

// made is a result of a Fusion.
type made struct {
	value int
	dt    arrow.DataType
}

// Columns says where the columns behind the fusion are.
func (f *Fusion) Columns() []Place { return f.out }

// Inputs are the columns that Eval reads.
func (f *Fusion) Inputs() []int {
	out := make([]int, len(f.inputs))
	for i, v := range f.inputs {
		out[i] = f.values[v].at
	}
	return out
}

// opcode is what makes a value.
type opcode uint8

const (
	input   opcode = iota // it is a column
	konst                 // it is a constant
	float                 // sym of floats
	divide                // of floats
	integer               // sym of integers
	negate                // of a float
	toFloat               // of an integer
	floats                // comparison of floats
	ints                  // comparison of integers
	and                   // Kleene's
	or                    // Kleene's
	not                   // of a boolean
	isNull                // of anything
	within                // a where a mask is set, else null
	blend                 // a where a mask is set, else b
	clone                 // of anything
	settled               // a without its failures, which are counted
	chained               // a float taken through steps
)

// value is what a column or an instruction gives for the rows of a block. Its first
// part says how it is made, and is the same for values that are equal.
type value struct {
	op   opcode
	sym  byte       // of arithmetic
	cmp  scalar.Cmp // of comparisons
	kind arrow.Type
	a, b int       // what it is made of, or -1
	at   int       // ordinal of a column, a mask, a count, or steps
	word [1]uint64 // of a constant; of one that is a boolean, 0 or 1

	dt    arrow.DataType // of kind
	slot  int            // piece of scratch, or -1
	out   int            // result whose memory it is made in, or -1
	fails bool           // rows of it may have failed
}

// alias tells whether a value has the memory of another one.
func (v *value) alias() bool { return v.op == within || v.op == settled }

// inPlace tells whether a value may be made in the memory of its operands.
func (v *value) inPlace() bool {
	switch v.op {
	case float, negate, and, or, not, chained:
		return true
	case input, konst, divide, integer, toFloat, floats, ints, isNull, within, blend, clone, settled:
	}
	return false
}

// computed tells whether a value takes an instruction.
func (v *value) computed() bool { return v.op != input && v.op != konst }

// known tells the types of values: a block is 64 bits a row, or one.
func known(dt arrow.DataType) bool {
	switch dt := dt.(type) {
	case *arrow.Float64Type, *arrow.Int64Type, *arrow.BooleanType:
		return true
	case *arrow.TimestampType:
		return dt.Unit == arrow.Microsecond
	case *arrow.DurationType:
		return dt.Unit == arrow.Microsecond
	}
	return false
}
