package jobfile

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// broadcast reads what a step takes of a last result of the job.
func (p *parser) broadcast(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "broadcast", "for", "of", "columns") {
		return rdd.Broadcast{}
	}
	p.need(s, "of", "columns")
	return rdd.Broadcast{
		For:     p.labelSet(a.get("for"), marks, "for"),
		Of:      p.marked(a.get("of"), "the name of a broadcast that the job writes", marks, "of"),
		Columns: p.columns(a.get("columns"), marks),
	}
}

// columns returns columns with their types, in order.
func (p *parser) columns(n *node, marks rdd.Marks) []fn.Column {
	if n == nil {
		return nil
	}
	marks["columns"] = n.at
	if n.form != mapping || len(n.pairs) == 0 {
		p.fail(n.at, "expected columns with their types, such as {model: string, version: bigint}")
		return nil
	}
	var out []fn.Column
	for _, q := range n.pairs {
		marks["columns."+q.key] = q.at
		switch {
		case q.key == "":
			p.fail(q.at, "expected the name of a column")
		case q.value.form == scalar && q.value.null && q.value.inBrace:
			p.fail(q.at, "%q has no type; inside { } quote a text that holds a comma", q.key)
		default:
			out = append(out, fn.Column{Name: q.key, Type: p.typ(q.value)})
		}
	}
	return out
}

// typ reads a type as SQL writes it.
func (p *parser) typ(n *node) arrow.DataType {
	text := p.str(n, "a type, such as bigint")
	if text == "" {
		return nil
	}
	dt, err := expr.ParseType(text)
	if err == nil {
		return dt
	}
	at, what := n.at, err.Error()
	var where *expr.Error
	if errors.As(err, &where) {
		what = where.Msg
		if where.Line == 1 && len(n.shifts) == 0 {
			at.Column += where.Column - 1
		}
	}
	p.fail(at, "%s", what)
	return nil
}

// typeName spells a type; one that is not there, as only a program can forget it, is "".
func typeName(dt arrow.DataType) string {
	if dt == nil {
		return ""
	}
	return types.Name(dt)
}
