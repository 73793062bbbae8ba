package jobfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// dead reads where dead letters go and how many there may be: a connector as in
// write, max, or both.
func (p *parser) dead(n *node) rdd.DeadLetters {
	if n == nil {
		return rdd.DeadLetters{}
	}
	out := rdd.DeadLetters{At: n.at, Marks: rdd.Marks{}}
	if n.form != mapping || slices.ContainsFunc(n.pairs, func(q pair) bool { return q.key != "max" }) {
		out.Connector, out.Options = p.connector(step{name: "deadletter", at: n.at, args: n}, connectors.Writing, out.Marks, "max")
	}
	if n.form == mapping {
		p.limit(n.get("max"), &out)
	}
	return out
}

// limit reads how many dead letters there may be: 1%, 1000, or a list of both.
func (p *parser) limit(n *node, out *rdd.DeadLetters) {
	if n == nil {
		return
	}
	items := []*node{n}
	if n.form == list {
		items = n.items
	}
	for _, item := range items {
		text, percent := strings.CutSuffix(strings.TrimSpace(item.text), "%")
		share, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		rows, notWhole := strconv.ParseInt(text, 10, 64)
		switch {
		case item.form == scalar && percent && err == nil && share > 0 && share <= 100:
			out.MaxShare = share / 100
		case item.form == scalar && !percent && notWhole == nil && rows > 0:
			out.MaxRows = rows
		default:
			p.fail(item.at, "expected the share or number of rows that may be dead letters, such as 1%% or 1000, got %q", item.text)
		}
	}
}

// deadOf is what dead reads, to be written.
func (f *formatter) deadOf(d rdd.DeadLetters) entries {
	var e entries
	if d.Connector != "" {
		e = entries{{d.Connector, f.options(d.Options)}}
	}
	var most []string
	if d.MaxShare > 0 {
		most = append(most, rdd.DeadLetters{MaxShare: d.MaxShare}.Limit())
	}
	if d.MaxRows > 0 {
		most = append(most, rdd.DeadLetters{MaxRows: d.MaxRows}.Limit())
	}
	switch len(most) {
	case 0:
	case 1:
		e = append(e, entry{"max", most[0]})
	default:
		e = append(e, entry{"max", most})
	}
	return e
}
