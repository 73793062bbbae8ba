package physical

// Draw keeps the rows of For whose place, hashed with a seed, is below a fraction
// of all hashes.
type Draw struct {
	Change
	Seed     int64
	Fraction float64
}

// Ranking puts rows in an order and keeps the first of them. The rows of all tasks
// come together in one part, which emits them in order when the input ends.
type Ranking struct {
	Keys  []RankKey // over the columns of the rows that are sent; two rows that are equal in all are alike
	N     int64     // rows kept, or 0 for all
	Label int       // of the result
}

// RankKey is a column to order by.
type RankKey struct {
	Column     int
	Desc       bool
	NullsFirst bool
}

// Ranked sends rows to the stage that ranks them: the In columns Columns; then, where
// Sampled, the hash of their place and Seed; and then, with Places, what their order
// as events goes by: their time, where Time is not negative, their source and
// partition, their sequence and their child ordinal.
type Ranked struct {
	Ranking
	Columns []int
	Sampled bool
	Seed    int64
	Places  bool
	Time    int // In column
	Stage   int
}

// Rank is the root of a stage that ranks rows: Out column i is column From[i] of
// those sent, or for GroupLabel the label.
type Rank struct {
	Ranking
	From []int
}
