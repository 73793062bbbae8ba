package rdd

import "time"

// Join pairs the rows of From, the left side, with those of With, the right
// side, that agree in all of On and meet the further conditions, and gives the
// result the label As (exactly one bit). With one parent both sides are labels
// of it, and they may overlap: such rows are on both sides. With two parents
// From are labels of the first and With of the second. Rows of other labels go on
// past, those of both parents as in Union.
//
// Keys are equal as in SQL: null equals nothing; NaN equals NaN and -0 equals 0.
// A row without a partner is one whose pairs all fail On, Within or Where.
//
// The result has the columns of the left side and then those of the right, but
// not the system's. A key that has one name on both sides is one column, of
// whichever side the row has. Other right columns whose name the left side has get
// Prefix. How decides which rows there are; semi and anti have the left columns only.
//
// With window_start among On, of both sides, a row leaves when the watermark
// passes its window; otherwise when the input ends.
type Join struct {
	From, With LabelSet
	As         LabelSet
	How        JoinKind // empty: inner
	On         []JoinKey
	// Where is a further condition over the columns of both sides, named as in
	// the result of an inner join. It is part of the match: of an outer join it
	// makes rows lose their partners, not leave.
	Where string
	// Within bounds the time between the two sides, if it names their columns.
	Within JoinTime
	Prefix string
}

// JoinKind says which rows a Join gives:
//
//	inner  the pairs
//	left   the pairs, and the left rows without a partner, null on the right
//	right  the pairs, and the right rows without a partner, null on the left
//	full   all of these
//	semi   the left rows that have a partner, each once
//	anti   the left rows that have none
//	diff   the rows of either side that have none: the symmetric difference
type JoinKind string

// All lists the kinds.
func (JoinKind) All() []JoinKind {
	return []JoinKind{"inner", "left", "right", "full", "semi", "anti", "diff"}
}

// JoinKey is a pair of columns that must be equal, of one type. Of events the columns
// of their tags may be keys as well: rows of which ColHash is equal have the same
// identity, up to chance (of n and m rows about n*m/2^64 pairs).
type JoinKey struct{ Left, Right string }

// JoinTime lets rows match only if the right time is not earlier than Before
// before the left one nor later than After behind it, both ends included. A row
// without a time has no partner.
type JoinTime struct {
	Left, Right   string // timestamp columns
	Before, After time.Duration
}

// Kind implements Operation.
func (Join) Kind() string { return "join" }

func (Join) operation() {}

// Join pairs rows of d's labels, or of d and one other dataset.
func (d *Dataset) Join(j Join, right ...*Dataset) *Dataset {
	return Extend(j, caller(), nil, append([]*Dataset{d}, right...)...)
}
