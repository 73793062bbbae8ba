package fn

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
)

// Column is a column that a function reads or writes, or an argument of an aggregate.
type Column struct {
	Name string
	// Type is one of the engine's: Boolean, Int64, Float64, String, Timestamp of
	// microseconds in UTC, Date32, Decimal128, Duration of microseconds, Binary, or a List,
	// Struct or Map of these. What is read may be of any of them where Type is nil, and a
	// Func that reads a Dictionary of Int32 and String is given strings as codes and values:
	// for long ones that many rows share, such as a model that a Broadcast added.
	Type arrow.DataType
}

// Rows says how many rows a function makes of one.
type Rows string

// The declarations: a row is one row, in its place; a row is there or not; a row is any
// number of rows, below 2^20.
const (
	Keeps      Rows = "keeps"
	Drops      Rows = "drops"
	Multiplies Rows = "multiplies"
)

// Func is a function over rows. What it owes the engine stands at the package.
type Func struct {
	Name    string // as jobs call it
	Version string // of what it computes: any text but ""
	Doc     string // one sentence, for people
	Reads   []Column
	Writes  []Column // set in every row that comes out; other columns stay as they are
	Rows    Rows
	// Verify, if it is set, reports what is wrong with the values known of Reads when a job
	// that calls the function is compiled, such as an option that cannot be: each of
	// several errors that are joined is told at the author's line. Run cannot rely on it,
	// for not all is known. It may be called at any time and answers for equal values alike.
	Verify func(known Known) error
	// Run computes the columns of Writes, in their order. An error that is none of the
	// context's stops the job, as a mistake in its data. A panic is a bug of the program.
	Run func(ctx context.Context, in Input) (Output, error)
}

// Input is what a function is given.
type Input struct {
	Mem     memory.Allocator // for what it returns
	Columns []arrow.Array    // of Reads, in their order: lent
	Rows    int              // of each of Columns; never 0
}

// Output is what a function returns.
type Output struct {
	// Columns of Writes, in their order, with a row for each row that comes out.
	Columns []arrow.Array
	// From says of which row of the input each row comes: rising where the function
	// drops rows, never falling where it multiplies them. Nil, as always where it keeps
	// them, means a row for each, in their order.
	From []int32
}

// State is what an aggregate knows of the rows of a group. Two states of the same
// rows, however they came together, must write the same bytes and give the same result.
type State interface {
	// Update adds rows of the group, ascending: row i of every column of in, which are the
	// arguments in their order. An error stops the job, as a mistake in its data.
	Update(in []arrow.Array, rows []int32) error
	// Merge adds what another state of the group has written. What cannot be read is an
	// error: the bytes may come from a checkpoint. They are lent.
	Merge(state []byte) error
	// AppendState appends the state in a form that Merge takes.
	AppendState(b []byte) []byte
	// Result appends exactly one value of the group to a builder of the declared type.
	Result(b array.Builder)
	// Size is about how many bytes of memory the state holds.
	Size() int64
}

// Aggregate makes one value of the rows of a group: NAME(a, b) in a Reduce.
type Aggregate struct {
	Name    string // as jobs call it, none of those that ship
	Version string // of what it computes: any text but ""
	Doc     string // one sentence, for people
	Args    []Column
	Result  arrow.DataType
	// Verify, if it is set, reports what is wrong with the values known of Args, as that of
	// a Func does.
	Verify func(known Known) error
	// Init returns the state of a group without rows.
	Init func() State
}

// Check reports what is wrong with a declaration, as a fault.Invalid, or nil.
func (f Func) Check() error {
	return declared("function", f.Name, f.Version, f.Run != nil, func() string {
		switch f.Rows {
		case Keeps, Drops, Multiplies:
		default:
			return fmt.Sprintf("Rows is %q, %q or %q, not %q", Keeps, Drops, Multiplies, f.Rows)
		}
		if f.Rows == Keeps && len(f.Writes) == 0 {
			return "it keeps all rows and writes no column"
		}
		for _, w := range f.Writes {
			if w.Type == nil {
				return fmt.Sprintf("the column %q that it writes has no type", w.Name)
			}
		}
		return differ(f.Reads) + differ(f.Writes)
	})
}

// Check reports what is wrong with a declaration, as a fault.Invalid, or nil.
func (a Aggregate) Check() error {
	return declared("aggregate", a.Name, a.Version, a.Init != nil, func() string {
		switch {
		case len(a.Args) == 0:
			return "it takes no argument"
		case a.Result == nil:
			return "Result has no type"
		}
		return differ(a.Args)
	})
}

func declared(what, name, version string, does bool, rest func() string) error {
	why := ""
	switch {
	case name == "":
		return fault.New(fault.Invalid, "%s without a name", what)
	case version == "":
		why = "it has no version"
	case !does:
		why = "it is not carried out by anything"
	default:
		why = rest()
	}
	if why == "" {
		return nil
	}
	return fault.New(fault.Invalid, "the %s %s is not declared as it should be: %s", what, name, why)
}

// differ says what is wrong with the names of columns, or "".
func differ(columns []Column) string {
	for i, c := range columns {
		if c.Name == "" || slices.ContainsFunc(columns[:i], func(o Column) bool { return o.Name == c.Name }) {
			return fmt.Sprintf("the column %q is declared twice, or has no name", c.Name)
		}
	}
	return ""
}
