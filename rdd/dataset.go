package rdd

import "fmt"

// Marks says where the parts of an operation stand in a job file, for errors:
// the key is the part's path in the operation, such as "where", "set.net",
// "rules.2.when" or "by.0".
//
// Where a text does not stand as it was written, because variables in it were
// replaced, a key of [Marks.Moved] says where it goes on.
type Marks map[string]Pos

// Moved notes where the text of a part stands from a line and column of it on,
// both from 1, up to the next such place or the end of the line.
func (m Marks) Moved(part string, line, column int, to Pos) {
	m[moved(part, line, column)] = to
}

// moved is the key of such a place.
func moved(part string, line, column int) string {
	return fmt.Sprintf("%s@%d:%d", part, line, column)
}

// Dataset is an immutable recipe: one operation over its parents. Datasets
// share their parents; nothing is computed by making one.
type Dataset struct {
	op      Operation
	parents []*Dataset
	at      Pos
	marks   Marks
	name    string
	err     *Error
}

// Extend makes a dataset of op over parents. The chain methods below do the
// same with the caller's line; a reader of job files gives its own positions.
func Extend(op Operation, at Pos, marks Marks, parents ...*Dataset) *Dataset {
	return &Dataset{op: op, at: at, marks: marks, parents: parents}
}

// From starts a dataset at a source.
func From(connector string, options Options) *Dataset {
	return Extend(Read{Connector: connector, Options: options}, caller(), nil)
}

// Op returns the dataset's operation.
func (d *Dataset) Op() Operation { return d.op }

// Parents returns the datasets d is made of. The slice is shared: do not change it.
func (d *Dataset) Parents() []*Dataset { return d.parents }

// Name returns the name given by Named, or "".
func (d *Dataset) Name() string { return d.name }

// Err returns the mistake made when d was built, or nil.
func (d *Dataset) Err() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

// At returns where the part of the operation stands, or the operation itself
// where that is not known.
func (d *Dataset) At(part string) Pos {
	if p, ok := d.marks[part]; ok {
		return p
	}
	return d.at
}

// Marks returns where the parts of the operation stand, as far as that is known. The map
// is shared: do not change it.
func (d *Dataset) Marks() Marks { return d.marks }

// AtText returns where a line and column, both from 1, of the text of a part
// stand: an expression's, which is indented alike in every line.
func (d *Dataset) AtText(part string, line, column int) Pos {
	p := d.At(part)
	if p.Column == 0 {
		return p
	}
	p.Line, p.Column = p.Line+line-1, p.Column+column-1
	for back := range column {
		if from, ok := d.marks[moved(part, line, column-back)]; ok {
			from.Column += back
			return from
		}
	}
	return p
}

// With returns a dataset like d with another operation over other parents, at
// the same place. Rewrites use it.
func (d *Dataset) With(op Operation, parents ...*Dataset) *Dataset {
	c := *d
	c.op, c.parents = op, parents
	return &c
}

// Named returns d under a name, for plans and messages.
func (d *Dataset) Named(name string) *Dataset {
	c := *d
	c.name = name
	return &c
}

// Tag labels the rows of a source.
func (d *Dataset) Tag(t Tag) *Dataset { return Extend(t, caller(), nil, d) }

// Map sets columns for the labels in labels: pairs of column and expression.
func (d *Dataset) Map(labels LabelSet, pairs ...string) *Dataset {
	at := caller()
	m := Map{For: labels}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set = append(m.Set, Assign{Column: pairs[i], Expr: pairs[i+1]})
	}
	out := Extend(m, at, nil, d)
	if len(pairs)%2 != 0 || len(pairs) == 0 {
		out.err = &Error{At: at, Text: fmt.Sprintf("map takes pairs of column and expression, got %d strings", len(pairs))}
	}
	return out
}

// Drop removes columns from the labels in labels.
func (d *Dataset) Drop(labels LabelSet, columns ...string) *Dataset {
	return Extend(Map{For: labels, Drop: columns}, caller(), nil, d)
}

// Filter keeps the rows of labels for which where is true.
func (d *Dataset) Filter(labels LabelSet, where string) *Dataset {
	return Extend(Filter{For: labels, Where: where}, caller(), nil, d)
}

// FlatMap makes several rows of each row of f.For.
func (d *Dataset) FlatMap(f FlatMap) *Dataset { return Extend(f, caller(), nil, d) }

// Window assigns rows to event-time windows.
func (d *Dataset) Window(w Window) *Dataset { return Extend(w, caller(), nil, d) }

// Shuffle redistributes rows by the hash of columns.
func (d *Dataset) Shuffle(s Shuffle) *Dataset { return Extend(s, caller(), nil, d) }

// Reduce groups and aggregates.
func (d *Dataset) Reduce(r Reduce) *Dataset { return Extend(r, caller(), nil, d) }

// Union is d and the others together.
func (d *Dataset) Union(others ...*Dataset) *Dataset {
	return Extend(Union{}, caller(), nil, append([]*Dataset{d}, others...)...)
}

// Cache keeps the dataset for later runs over the same splits.
func (d *Dataset) Cache() *Dataset { return Extend(Cache{}, caller(), nil, d) }

// Write ends the dataset in a sink.
func (d *Dataset) Write(w Write) *Dataset { return Extend(w, caller(), nil, d) }
