package expr

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Node is one node of a parsed expression: a *Column, *Literal, *Call, *Cast
// or *Case. Nodes are immutable once parsed.
//
//sumtype:decl
type Node interface {
	// String prints the node as SQL with as few parentheses as it can. Parse
	// of that text gives an equal tree, positions aside.
	String() string
	// At is where the node starts in the source text.
	At() Pos

	node()
}

// Pos is a place in the source of an expression: a byte offset from 0, and a
// line and a column from 1, the column counted in characters.
type Pos struct {
	Offset, Line, Column int
}

// At gives every node that embeds Pos its Node.At.
func (p Pos) At() Pos { return p }

func (Pos) node() {}

// Column reads the column Name. Names are compared exactly.
type Column struct {
	Pos
	Name string
}

// Literal is a constant. Value is nil (NULL), bool, int64, float64, string,
// arrow.Timestamp (microseconds, UTC), arrow.Date32 or Interval.
type Literal struct {
	Pos
	Value any
}

// Interval is a length of time in microseconds, the value of a literal.
type Interval int64

// Call is an operator or a function by its canonical lower-case name. The
// operators are
//
//   - / % div neg          arithmetic; neg is unary minus ("+" and "-" too)
//     = <> < <= > >= <=>     comparison; <=> treats two nulls as equal
//     and or not             three-valued logic
//     in                     Args[0] in Args[1:]
//     between                Args[0] between Args[1] and Args[2]
//     like ilike             Args[0] like Args[1], escape Args[2] if given
//     is_null is_true is_false
//     field                  Args[0].name, the name a string literal in Args[1]
//     get                    Args[0][Args[1]]
//
// The negated forms (NOT IN, IS NOT NULL, IS DISTINCT FROM, ...) are not of
// these. Other spellings are mapped to one name by Parse: a || b is concat,
// substr is substring, extract(hour FROM t) is hour, count(*) is count without
// arguments, count(DISTINCT x) is count_distinct, to_date(s) is a Cast.
type Call struct {
	Pos
	Name string
	Args []Node
}

// Cast converts X to the type To, one of those that ParseType gives. With Try a value that cannot be converted gives null
// without counting as a failure.
type Cast struct {
	Pos
	X   Node
	To  arrow.DataType
	Try bool
}

// Case is CASE in both forms: with an Operand the conditions are values that
// are compared with it by "=", else they are boolean. Else may be nil: null.
type Case struct {
	Pos
	Operand Node
	Whens   []When
	Else    Node
}

// When is one branch of a Case.
type When struct {
	If, Then Node
}

// Columns lists the names of the columns that n reads, sorted, each once.
func Columns(n Node) []string {
	var names []string
	walk(n, func(n Node) {
		if c, ok := n.(*Column); ok {
			names = append(names, c.Name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// walk calls visit for n and everything below it, parents first.
func walk(n Node, visit func(Node)) {
	if n == nil {
		return
	}
	visit(n)
	switch n := n.(type) {
	case *Column, *Literal:
	case *Call:
		for _, a := range n.Args {
			walk(a, visit)
		}
	case *Cast:
		walk(n.X, visit)
	case *Case:
		walk(n.Operand, visit)
		for _, w := range n.Whens {
			walk(w.If, visit)
			walk(w.Then, visit)
		}
		walk(n.Else, visit)
	}
}
