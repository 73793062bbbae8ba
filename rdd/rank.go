package rdd

import "strings"

// Distinct keeps of the rows of From that agree in the columns By the first, by
// event time, source partition, sequence and child ordinal. An empty By means all
// columns. Null is a value like any other. The result has the label As and the
// columns of all labels of From; without As every label is taken by itself and keeps
// its own. Its rows are groups: they no longer are events, and have none of the
// columns that every event has. With window_start among the columns compared a
// row leaves when the watermark passes its window; otherwise when the input ends.
type Distinct struct {
	From LabelSet
	As   LabelSet
	By   []string
}

// Sort puts the rows of From in order, when the input ends: a file that is written
// of them is in that order. By are expressions, each with the words of an order
// behind it as in SQL: "wh / 2 desc nulls last". NaN is the largest float; nulls come
// first, or last where the order is descending. Rows that are equal in all of By keep
// the order of events; those of groups go by all their columns. As is that of
// Distinct.
type Sort struct {
	From LabelSet
	As   LabelSet
	By   []string
}

// Order takes key i of By apart: the expression, whether the order is descending,
// and whether nulls come before all values.
func (s Sort) Order(i int) (src string, desc, nullsFirst bool) {
	rest, first := cutWords(s.By[i], "nulls", "first")
	rest, last := cutWords(rest, "nulls", "last")
	rest, desc = cutWords(rest, "desc")
	if !desc {
		rest, _ = cutWords(rest, "asc")
	}
	return rest, desc, first || !last && !desc
}

// cutWords takes words off the end of a text that has something before them.
func cutWords(text string, words ...string) (string, bool) {
	rest := text
	for i := len(words) - 1; i >= 0; i-- {
		rest = strings.TrimRight(rest, " \t\r\n")
		at := len(rest) - len(words[i])
		if at < 2 || !strings.EqualFold(rest[at:], words[i]) || !strings.ContainsAny(rest[at-1:at], " \t\r\n") {
			return text, false
		}
		rest = rest[:at]
	}
	rest = strings.TrimRight(rest, " \t\r\n")
	return rest, rest != ""
}

// Limit keeps the first N rows of From: directly behind a Sort in its order, whose
// label they keep, otherwise in the order of events. As is that of Distinct.
type Limit struct {
	From LabelSet
	As   LabelSet
	N    int64
}

// Sample draws rows of From by the hash of Seed and of their event's place: its
// source, partition, sequence and child ordinal. The same events are drawn however
// the input is cut. N draws that many, and what is said of Distinct holds of them;
// Fraction keeps a row with that probability, as a filter does, and its label. One
// of both is given.
type Sample struct {
	From     LabelSet
	As       LabelSet
	N        int64
	Fraction float64
	Seed     int64
}

// Result returns the label that the dataset's operation gives to what it makes of
// several rows, or the empty set where there is none or rows keep theirs.
func (d *Dataset) Result() LabelSet {
	switch op := d.op.(type) {
	case Reduce:
		return op.As
	case Join:
		return op.As
	case Distinct:
		return op.As
	case Sort:
		return op.As
	case Limit:
		return op.As
	case Sample:
		return op.As
	case Read, Tag, Map, Filter, FlatMap, Apply, Broadcast, Window, Shuffle, Union, Cache, Write:
	}
	return 0
}

// Distinct keeps one row of those that agree.
func (d *Dataset) Distinct(op Distinct) *Dataset { return Extend(op, caller(), nil, d) }

// Sort puts rows in order.
func (d *Dataset) Sort(op Sort) *Dataset { return Extend(op, caller(), nil, d) }

// Limit keeps the first rows.
func (d *Dataset) Limit(op Limit) *Dataset { return Extend(op, caller(), nil, d) }

// Sample draws rows.
func (d *Dataset) Sample(op Sample) *Dataset { return Extend(op, caller(), nil, d) }

// Kind implements Operation.
func (Distinct) Kind() string { return "distinct" }

// Kind implements Operation.
func (Sort) Kind() string { return "sort" }

// Kind implements Operation.
func (Limit) Kind() string { return "limit" }

// Kind implements Operation.
func (Sample) Kind() string { return "sample" }

func (Distinct) operation() {}
func (Sort) operation()     {}
func (Limit) operation()    {}
func (Sample) operation()   {}
