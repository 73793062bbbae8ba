package fn

// Known is what is known of the columns that a function reads, by their declared names,
// before there is a row: all values that a column can have. Options are mostly
// constants, of one value. A value is a bool, an int64, a float64 or a string, or nil
// for null; a column that is not there can have any.
type Known map[string][]any

// One returns the one value that a column can have.
func (k Known) One(column string) (value any, ok bool) {
	if len(k[column]) != 1 {
		return nil, false
	}
	return k[column][0], true
}
