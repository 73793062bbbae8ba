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
// Prefix. How decides which rows there are; with JoinSemi and JoinAnti only the
// left columns.
//
// With window_start among On, of both sides, a row leaves when the watermark
// passes its window; otherwise when the input ends.
type Join struct {
	From, With LabelSet
	As         LabelSet
	How        JoinKind // empty: JoinInner
	On         []JoinKey
	// Where is a further condition over the columns of both sides, named as in
	// the result (of JoinInner). It is part of the match: of an outer join it
	// makes rows lose their partners, not leave.
	Where string
	// Within, if not nil, bounds the time between the two sides.
	Within *JoinTime
	Prefix string
}

// JoinKind says which rows a Join gives.
type JoinKind string

// The kinds of join: the pairs; these and the rows without a partner of one side
// or of both, null on the other; the left rows that have a partner, each once,
// or those that have none; and the rows of either side that have none, which is
// the symmetric difference.
const (
	JoinInner JoinKind = "inner"
	JoinLeft  JoinKind = "left"
	JoinRight JoinKind = "right"
	JoinFull  JoinKind = "full"
	JoinSemi  JoinKind = "semi"
	JoinAnti  JoinKind = "anti"
	JoinDiff  JoinKind = "diff"
)

// JoinKey is a pair of columns that must be equal, of one type.
type JoinKey struct{ Left, Right string }

// JoinTime lets rows match only if the right time is not earlier than Before
// before the left one nor later than After behind it, both ends included. A row
// without a time has no partner.
type JoinTime struct {
	Left, Right   string // timestamp columns
	Before, After time.Duration
}

// Keys is a list of keys that have the same name on both sides.
func Keys(columns ...string) []JoinKey {
	out := make([]JoinKey, len(columns))
	for i, c := range columns {
		out[i] = JoinKey{Left: c, Right: c}
	}
	return out
}

// Kind implements Operation.
func (Join) Kind() string { return "join" }

func (Join) operation() {}

// Join pairs rows of d's labels, or of d and one other dataset.
func (d *Dataset) Join(j Join, right ...*Dataset) *Dataset {
	return Extend(j, caller(), nil, append([]*Dataset{d}, right...)...)
}
