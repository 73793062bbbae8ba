package expr

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Program is an expression checked against a schema. It is immutable: any
// number of goroutines may evaluate it at once.
type Program struct {
	node    Node
	kind    kind
	root    op
	columns []int
	shared  int    // results that an evaluation keeps for a second use
	why     string // what a failed row failed in; empty without strict()
}

// Env is what an evaluation takes from its surroundings.
type Env struct {
	Mem memory.Allocator // of all results and scratch
	Now time.Time        // what now() gives: the batch's logged time
}

// Result is the outcome of one evaluation. The caller owns it and must call
// Release once.
type Result struct {
	// Values has one value a row. For a string program it is either a
	// STRING array or a DICTIONARY<int32, string>, as the work went.
	Values arrow.Array
	// Nulled marks the rows in which an operation failed and gave null; nil
	// when there are none. It never contains nulls.
	Nulled *array.Boolean
	// Failed marks the rows in which strict() failed, Why says where. Nil when
	// there are none. A row is not both Nulled and Failed.
	Failed *array.Boolean
	Why    string
}

// Release gives up the arrays of r.
func (r Result) Release() {
	if r.Values != nil {
		r.Values.Release()
	}
	if r.Nulled != nil {
		r.Nulled.Release()
	}
	if r.Failed != nil {
		r.Failed.Release()
	}
}

// Type is the logical type of the values; string programs may give
// dictionaries of it.
func (p *Program) Type() arrow.DataType { return p.kind.arrow() }

// Node is the expression as it was parsed.
func (p *Program) Node() Node { return p.node }

// Strict tells whether the expression contains strict(): whether it can send
// rows to the dead letters. Such a program must not be bypassed.
func (p *Program) Strict() bool { return p.why != "" }

// Columns are the schema indices of the fields read, ascending.
func (p *Program) Columns() []int { return p.columns }
