package jobfile

import (
	"errors"
	"slices"
	"strconv"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// operation makes the dataset of one step that is neither from nor write.
func (p *parser) operation(d *dataset, s step) *rdd.Dataset {
	marks := rdd.Marks{}
	var op rdd.Operation
	parents := []*rdd.Dataset{d.last}
	switch s.name {
	case "read":
		op, parents = p.read(s, marks), nil
	case "union":
		op, parents = rdd.Union{}, p.parents(s.args)
	case "tag":
		op = p.tag(s, marks)
	case "map":
		op = p.assign(s, marks)
	case "filter":
		op = p.filter(s, marks)
	case "flatmap":
		op = p.flatMap(s, marks)
	case "apply":
		op = p.apply(s, marks)
	case "broadcast":
		op = p.broadcast(s, marks)
	case "window":
		op = p.window(s, marks)
	case "shuffle":
		op = p.shuffle(s, marks)
	case "reduce":
		op = p.reduce(d, s, marks)
	case "join":
		var others []*rdd.Dataset
		op, others = p.join(d, s, marks)
		parents = append(parents, others...)
	case "distinct", "sort", "limit", "sample":
		op = p.ranked(d, s, marks)
	case "cache":
		p.keys(s.args, "cache")
		op = rdd.Cache{}
	}
	return rdd.Extend(op, s.at, marks, parents...)
}

func (p *parser) parents(n *node) []*rdd.Dataset {
	if n.form != list || len(n.items) < 2 {
		p.fail(n.at, "expected a list of at least two datasets")
		return nil
	}
	out := make([]*rdd.Dataset, len(n.items))
	for i, item := range n.items {
		out[i] = p.source(item)
	}
	return out
}

// need reports a key that is not there.
func (p *parser) need(s step, keys ...string) {
	if s.args.form != mapping {
		return
	}
	for _, k := range keys {
		if s.args.get(k) == nil {
			p.fail(s.at, "%s needs %q", s.name, k)
		}
	}
}

func (p *parser) tag(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "tag", "column", "values", "rules", "exclusive", "otherwise", "identity", "time", "hash", "seq") {
		return rdd.Tag{}
	}
	t := rdd.Tag{
		Column:     p.marked(a.get("column"), "the column that holds the label", marks, "column"),
		Exclusive:  p.boolean(a.get("exclusive")),
		Identity:   p.strs(a.get("identity"), "the columns that identify an event", marks, "identity"),
		HashColumn: p.marked(a.get("hash"), "the column that holds the hash", marks, "hash"),
		SeqColumn:  p.marked(a.get("seq"), "the column that holds the sequence", marks, "seq"),
		Time:       p.expr(a.get("time"), marks, "time"),
	}
	if o := a.get("otherwise"); o != nil {
		marks["otherwise"] = o.at
		t.Otherwise = p.label(o)
	}
	t.Values = p.values(a.get("values"), marks)
	t.Rules = p.rules(a.get("rules"), marks)
	if a.get("column") == nil && a.get("rules") == nil && a.get("otherwise") == nil {
		p.fail(s.at, `tag needs "column" or "rules", to know the label of a row`)
	}
	if v := a.get("values"); v != nil && a.get("column") == nil {
		p.fail(v.at, `"values" needs "column"`)
	}
	return t
}

// marked returns a text and marks its place.
func (p *parser) marked(n *node, what string, marks rdd.Marks, mark string) string {
	if n != nil {
		marks[mark] = n.at
	}
	return p.str(n, what)
}

func (p *parser) values(n *node, marks rdd.Marks) map[string]rdd.LabelSet {
	if n == nil {
		return nil
	}
	if n.form != mapping || len(n.pairs) == 0 {
		p.fail(n.at, "expected values of the column with their labels, such as {E: error}")
		return nil
	}
	out := make(map[string]rdd.LabelSet, len(n.pairs))
	for _, q := range n.pairs {
		marks["values."+q.key] = q.at
		out[q.key] = p.label(q.value)
	}
	return out
}

func (p *parser) rules(n *node, marks rdd.Marks) []rdd.Rule {
	if n == nil {
		return nil
	}
	if n.form != list || len(n.items) == 0 {
		p.fail(n.at, `expected a list of rules, such as {label: error, when: "code > 0"}`)
		return nil
	}
	var out []rdd.Rule
	for i, item := range n.items {
		if !p.keys(item, "a rule", "label", "when") {
			continue
		}
		mark := "rules." + strconv.Itoa(i)
		marks[mark] = item.at
		for _, key := range []string{"label", "when"} {
			if item.get(key) == nil {
				p.fail(item.at, "a rule needs %q", key)
			}
		}
		out = append(out, rdd.Rule{Label: p.label(item.get("label")), When: p.expr(item.get("when"), marks, mark+".when")})
	}
	return out
}

func (p *parser) assign(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "map", "for", "set", "drop") {
		return rdd.Map{}
	}
	if a.get("set") == nil && a.get("drop") == nil {
		p.fail(s.at, `map needs "set" or "drop"`)
	}
	return rdd.Map{
		For:  p.labelSet(a.get("for"), marks, "for"),
		Set:  p.assigns(a.get("set"), "expression", marks, "set."),
		Drop: p.strs(a.get("drop"), "the columns to drop", marks, "drop"),
	}
}

// filter takes its condition alone, too.
func (p *parser) filter(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if a.form == scalar && !a.null {
		return rdd.Filter{Where: p.expr(a, marks, "where")}
	}
	if !p.keys(a, "filter", "for", "where") {
		return rdd.Filter{}
	}
	p.need(s, "where")
	return rdd.Filter{For: p.labelSet(a.get("for"), marks, "for"), Where: p.expr(a.get("where"), marks, "where")}
}

func (p *parser) flatMap(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "flatmap", "for", "rows", "explode", "as", "position", "outer") {
		return rdd.FlatMap{}
	}
	f := rdd.FlatMap{For: p.labelSet(a.get("for"), marks, "for"),
		Explode:  p.expr(a.get("explode"), marks, "explode"),
		As:       p.strs(a.get("as"), "a column for the elements, or two for keys and values", marks, "as"),
		Position: p.marked(a.get("position"), "a column for the places of elements", marks, "position"),
		Outer:    p.boolean(a.get("outer")),
	}
	rows := a.get("rows")
	if (rows == nil) == (a.get("explode") == nil) {
		p.fail(s.at, `flatmap needs "rows", or "explode"`)
	}
	if rows == nil {
		return f
	}
	if rows.form != list || len(rows.items) == 0 {
		p.fail(rows.at, "expected a list of rows, each columns with their expressions")
		return f
	}
	for i, row := range rows.items {
		mark := "rows." + strconv.Itoa(i)
		marks[mark] = row.at
		f.Rows = append(f.Rows, p.assigns(row, "expression", marks, mark+"."))
	}
	return f
}

// apply takes the name of a function alone, too.
func (p *parser) apply(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if a.form == scalar && !a.null {
		return rdd.Apply{Func: p.marked(a, "the name of a function", marks, "func")}
	}
	if !p.keys(a, "apply", "for", "func", "columns") {
		return rdd.Apply{}
	}
	p.need(s, "func")
	op := rdd.Apply{For: p.labelSet(a.get("for"), marks, "for"), Func: p.marked(a.get("func"), "the name of a function", marks, "func")}
	columns := a.get("columns")
	if columns == nil {
		return op
	}
	if columns.form != mapping || len(columns.pairs) == 0 {
		p.fail(columns.at, "expected columns of the function with what they are called here, such as {speed: current_speed}")
		return op
	}
	op.Columns = map[string]string{}
	for _, q := range columns.pairs {
		marks["columns."+q.key] = q.at
		op.Columns[q.key] = p.str(q.value, "the name of a column")
	}
	return op
}

func (p *parser) shuffle(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "shuffle", "from", "by") {
		return rdd.Shuffle{}
	}
	p.need(s, "by")
	return rdd.Shuffle{
		From: p.labelSet(a.get("from"), marks, "from"),
		Keys: p.strs(a.get("by"), "the columns to shuffle by", marks, "keys"),
	}
}

func (p *parser) reduce(d *dataset, s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "reduce", "from", "by", "get", "as") {
		return rdd.Reduce{}
	}
	p.need(s, "get")
	r := rdd.Reduce{
		From: p.labelSet(a.get("from"), marks, "from"),
		Get:  p.assigns(a.get("get"), "aggregate", marks, "get."),
	}
	if by := a.get("by"); by != nil && !(by.form == list && len(by.items) == 0) {
		r.By = p.strs(by, "the columns to group by", marks, "by")
	}
	as := a.get("as")
	if as == nil {
		as = &node{at: s.at, text: d.name}
	}
	marks["as"] = as.at
	r.As = p.label(as)
	d.as = r.As
	return r
}

func (p *parser) read(s step, marks rdd.Marks) rdd.Operation {
	c, options := p.connector(s, connectors.Reading, marks, "trust", "at")
	trust := p.marked(s.args.get("trust"), "done or none", marks, "trust")
	if n := s.args.get("trust"); n != nil && trust != "done" && trust != "none" && n.form == scalar {
		p.fail(n.at, `trust is "done", to take operations for applied that headers list, or "none", to apply them anew`)
	}
	if kind, err := p.kinds.Lookup(c); trust != "" && err == nil && !kind.Listed {
		p.fail(s.args.get("trust").at, "%s", connectors.Untrusted(c))
	}
	site := p.marked(s.args.get("at"), "the name of a site", marks, "at")
	return rdd.Read{Connector: c, Options: options, Trust: trust, Site: site}
}

func (p *parser) write(d *dataset, s step) *rdd.Dataset {
	marks := rdd.Marks{}
	w := rdd.Write{From: d.as}
	w.Connector, w.Options = p.connector(s, connectors.Writing, marks, "from", "columns")
	if from := s.args.get("from"); from != nil {
		w.From = p.labelSet(from, marks, "from")
	}
	w.Columns = p.strs(s.args.get("columns"), "the columns to write", marks, "columns")
	sink := rdd.Extend(w, s.at, marks, d.last)
	if d.last != nil && d.last.Name() == d.name {
		return sink // it goes by the name of what it writes
	}
	return sink.Named(d.name)
}

// connector reads the one key of a step that names a connector: alone, with
// the value of its main option, or with its options. Other keys are the step's.
func (p *parser) connector(s step, use connectors.Use, marks rdd.Marks, others ...string) (string, rdd.Options) {
	name, at, args := "", s.at, &node{null: true}
	switch s.args.form {
	case scalar:
		name, at = s.args.text, s.args.at
	case mapping:
		for _, q := range s.args.pairs {
			if slices.Contains(others, q.key) {
				continue
			}
			if name != "" {
				known := append(slices.Clone(others), p.kinds.Names()...)
				p.fail(q.at, "%s takes one connector; %q comes after %q%s", s.name, q.key, name, nearest(q.key, known))
				continue
			}
			name, at, args = q.key, q.at, q.value
		}
	case list:
	}
	if name == "" {
		p.fail(s.args.at, "expected a connector, such as {parquet: PATH}")
		return "", nil
	}
	marks["connector"] = at
	kind, err := p.kinds.Lookup(name)
	if err != nil {
		p.fail(at, "%s", err)
		return name, nil
	}
	return name, p.options(kind, use, at, args, marks)
}

// options reads and checks a connector's options. They are kept as they are
// written, without defaults, so that they say what the author said.
func (p *parser) options(k connectors.Kind, use connectors.Use, at rdd.Pos, n *node, marks rdd.Marks) rdd.Options {
	out := rdd.Options{}
	places := rdd.Marks{} // of unknown options, the key's
	switch main := k.Main(use); {
	case n.form == mapping:
		for _, q := range n.pairs {
			f, err := k.Field(use, q.key)
			places[q.key] = q.value.at
			if err != nil {
				places[q.key] = q.at
			}
			marks["options."+q.key] = places[q.key]
			out[q.key] = option(f, q.value)
		}
	case n.form == scalar && n.null:
	case main == "":
		p.fail(n.at, "%s has no main option; expected {%s: {OPTION: VALUE}}", k.Name, k.Name)
		return out
	default:
		f, _ := k.Field(use, main)
		places[main], marks["options."+main] = n.at, n.at
		out[main] = option(f, n)
	}
	_, err := k.Check(use, out)
	for _, e := range flatten(err) {
		here := at
		var oe *connectors.OptionError
		if errors.As(e, &oe) {
			if _, unknown := k.Field(use, oe.Option); unknown == nil && connectors.Refers(out[oe.Option]) {
				continue // it is known when the connector is opened
			}
			if q, ok := places[oe.Option]; ok {
				here = q
			}
		}
		p.fail(here, "%s", e)
	}
	return out
}

func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

// option returns an option's value: of its field's type where that is a number
// or a boolean, otherwise as it is written.
func option(f connectors.Field, n *node) any {
	v := n.value()
	if s, ok := v.(string); ok && f.Secret && !connectors.Refers(s) {
		return rdd.Secret(s)
	}
	switch t := f.Type; t {
	case connectors.Int, connectors.Float, connectors.Bool:
		if c, err := t.Convert(v); err == nil {
			return c
		}
	case connectors.Strings:
		if c, err := t.Convert(v); err == nil && n.form == list {
			return c
		}
	case connectors.Mapping:
		if c, err := t.Convert(v); err == nil {
			return c
		}
	case connectors.String, connectors.Duration:
	}
	return v
}
