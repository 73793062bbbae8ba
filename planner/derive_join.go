package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// anyInlet stands for all inputs of an operation at once.
const anyInlet = -1

// The sides of a join.
const (
	left = iota
	right
)

// joined is what a Join does, typed.
type joined struct {
	sides    [2]joinSide
	keys     []rdd.JoinKey
	names    []string       // of the right columns in conditions and in the result; "" where they are merged
	columns  []joinedColumn // of the result, but the label
	windowed bool
	size     time.Duration // of the windows
	overlap  rdd.LabelSet  // 1 if their starts are not multiples of it
}

// joinSide is one side of a join.
type joinSide struct {
	inlet   int                   // the input that it comes by
	labels  rdd.LabelSet          // that enter
	schemas map[int]*arrow.Schema // of all labels of that input
	schema  *arrow.Schema         // of the columns of all that enter, and behind them those of the system's that are keys or times
	plain   int                   // how many of schema are not the system's
}

// joinedColumn is a column of a join's result: fields of the sides' schemas, -1
// where it has nothing of that side.
type joinedColumn struct {
	name string
	from [2]int
}

// field is the type and name of a column of the result.
func (j *joined) field(c joinedColumn) arrow.Field {
	side := left
	if c.from[left] < 0 {
		side = right
	}
	f := j.sides[side].schema.Field(c.from[side])
	f.Name, f.Nullable = c.name, true
	return f
}

func (a *analysis) deriveJoin(n *node, op rdd.Join) {
	n.join = &joined{keys: op.On}
	before := len(a.mistakes)
	a.joinSides(n, op)
	a.joinKind(n, op)
	a.passing(n)
	if op.As.Len() != 1 || op.As&a.job.All() == 0 {
		a.fail(n.Dataset.At("as"), "join: needs one label of the job for its result (as)")
	} else if _, ok := n.input[op.As.First()]; ok {
		a.fail(n.Dataset.At("as"), "join: rows of label %s are here already; give the result a label of its own", a.names(op.As))
	}
	if len(a.mistakes) == before {
		a.joinKeys(n, op)
	}
	if len(a.mistakes) == before {
		a.joinNames(n, op)
	}
	if len(a.mistakes) > before {
		return
	}
	a.joinWhere(n, op)
	a.joinTime(n, op)
	a.joinWindow(n, op)
	as := op.As.First()
	out := arrow.NewSchema(nil, nil)
	for _, c := range n.join.columns {
		out = withField(out, c.name, n.join.field(c).Type)
	}
	n.Schemas[as] = withField(out, rdd.ColLabel, arrow.BinaryTypes.String)
	if n.join.windowed {
		n.windows[as] = n.join.size
		n.overlap |= n.join.overlap << uint(as)
	}
}

// joinSides finds the labels and columns of both sides.
func (a *analysis) joinSides(n *node, op rdd.Join) {
	n.input = map[int]*arrow.Schema{}
	for _, p := range n.Parents {
		for l, s := range a.nodes[p].Schemas {
			n.input[l] = together(n.input[l], s)
		}
	}
	for i, from := range []rdd.LabelSet{op.From, op.With} {
		s := &n.join.sides[i]
		s.inlet = min(i, len(n.Parents)-1)
		s.schemas, s.schema = a.nodes[n.Parents[s.inlet]].Schemas, arrow.NewSchema(nil, nil)
		here := labelsOf(s.schemas)
		if s.labels = from & here; from == 0 {
			s.labels = here
		}
		if miss := from &^ here; miss != 0 {
			a.fail(n.Dataset.At(sideMark(i)), "join: no row here has the label %s; there are %s", a.names(miss), a.names(here))
		}
		for _, l := range s.labels.Each() {
			s.schema = together(s.schema, s.schemas[l])
		}
		s.tagsLast(usedOfTag(op, i))
	}
	n.acts = n.actsOn(anyInlet)
}

func sideMark(side int) string { return []string{"from", "with"}[side] }

// together is the fields of both schemas by name; of two types the first one's.
func together(a, b *arrow.Schema) *arrow.Schema {
	if a == nil {
		return b
	}
	for _, f := range b.Fields() {
		if field(a, f.Name) == nil {
			a = withField(a, f.Name, f.Type)
		}
	}
	return a
}

func (a *analysis) joinKind(n *node, op rdd.Join) {
	if op.How != "" && !slices.Contains(rdd.JoinKind("").All(), op.How) {
		a.fail(n.Dataset.At("kind"), "join: there is no kind %q; there are %s", op.How, strings.Trim(fmt.Sprint(rdd.JoinKind("").All()), "[]"))
	}
}

// passing finds the schemas of the labels that go on past a join, by input.
func (a *analysis) passing(n *node) {
	clear(n.windows)
	n.overlap = 0
	for i, p := range n.Parents {
		parent := a.nodes[p]
		for _, l := range ordered(parent.Schemas) {
			if !n.actsOn(i).Has(l) {
				a.unite(n, i, l, parent)
			}
		}
	}
}

// joinKeys checks that every label of a side has its keys, and that their types
// are the same on both sides.
func (a *analysis) joinKeys(n *node, op rdd.Join) {
	if len(op.On) == 0 {
		a.fail(n.Dataset.At("on"), "join: needs at least one pair of columns that are equal (on)")
	}
	for i, k := range op.On {
		mark := fmt.Sprintf("on.%d", i)
		l, r := a.sideColumn(n, left, mark, k.Left), a.sideColumn(n, right, mark, k.Right)
		switch {
		case l == nil || r == nil:
		case !arrow.TypeEqual(l, r):
			a.fail(n.Dataset.At(mark), "join: %q is %s and %q is %s: cast one of them in a map before", k.Left, typeName(l), k.Right, typeName(r))
		case !hasKeys(l):
			a.fail(n.Dataset.At(mark), "join: %q is %s, by which rows cannot be matched", k.Left, typeName(l))
		case k == rdd.JoinKey{Left: rdd.ColHash, Right: rdd.ColHash}:
			a.identities(n, mark)
		}
		if slices.Contains(op.On[:i], k) {
			a.fail(n.Dataset.At(mark), "join: the key %q = %q is there twice", k.Left, k.Right)
		}
	}
}

// hasKeys reports whether rows can be matched by values of a type.
func hasKeys(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.INT64, arrow.FLOAT64, arrow.STRING, arrow.TIMESTAMP, arrow.DATE32, arrow.DECIMAL128, arrow.DURATION, arrow.BINARY:
		return true
	default:
		return false
	}
}

// sideColumn returns the type of a column of a side, or nil after reporting that
// some label there lacks it.
func (a *analysis) sideColumn(n *node, side int, mark, name string) arrow.DataType {
	s := &n.join.sides[side]
	var t arrow.DataType
	for _, l := range s.labels.Each() {
		_, err := expr.Check(&expr.Column{Name: name}, s.schemas[l])
		if err != nil {
			a.failSide(n, side, mark, name, l, err)
			return nil
		}
		t = field(s.schemas[l], name).Type
	}
	return t
}

// failSide reports that a label of a side lacks a column.
func (a *analysis) failSide(n *node, side int, mark, name string, l int, err error) {
	text := err.Error()
	if at := strings.Index(text, "unknown column"); at >= 0 {
		text = text[at:]
	}
	switch {
	case !system(name):
	case field(n.join.sides[side].schemas[l], rdd.ColSeq) == nil:
		text = "rows that are results, not events, have no tag"
	case name == rdd.ColHash:
		text = "the tag names no columns of identity"
	case name == rdd.ColTime:
		text = "the tag names no event time"
	}
	a.failFor(one(l), n.join.sides[side].labels, n.Dataset.At(mark), "join: %q on the %s: %s", name, sideName(side), text)
}

func sideName(side int) string { return []string{"left", "right"}[side] }

// joinNames names the columns of the result. A key that has one name on both
// sides is one column; so is the end of a window whose start is such a key.
func (a *analysis) joinNames(n *node, op rdd.Join) {
	j := n.join
	l, r := j.sides[left].schema, j.sides[right].schema
	for i, f := range l.Fields()[:j.sides[left].plain] {
		j.columns = append(j.columns, joinedColumn{f.Name, [2]int{i, -1}})
	}
	var clash []string
	for i, f := range r.Fields()[:j.sides[right].plain] {
		name := f.Name
		if at := indexOf(l, name); at >= 0 {
			if merged(op.On, name) {
				j.columns[at].from[right] = i
				j.names = append(j.names, "")
				continue
			}
			name = op.Prefix + name
		}
		if slices.ContainsFunc(j.columns, func(c joinedColumn) bool { return c.name == name }) {
			clash = append(clash, f.Name)
		}
		j.names = append(j.names, name)
		j.columns = append(j.columns, joinedColumn{name, [2]int{-1, i}})
	}
	if leftOnly(op.How) {
		j.columns = j.columns[:j.sides[left].plain]
		for i := range j.columns {
			j.columns[i].from[right] = -1
		}
		used := n.whereColumns(a, op)
		clash = slices.DeleteFunc(clash, func(c string) bool { return !used[op.Prefix+c] })
	}
	if len(clash) > 0 {
		a.fail(n.Dataset.At("prefix"), "join: both sides have columns that are called %s: give the right ones another prefix, or drop them before", strings.Join(clash, ", "))
	}
	for i, c := range j.columns {
		j.columns[i].from = onlyNeeded(op.How, c.from)
	}
}

// merged reports whether the columns of a name are one on both sides.
func merged(on []rdd.JoinKey, name string) bool {
	if name == rdd.WindowEnd {
		name = rdd.WindowStart
	}
	return slices.Contains(on, rdd.JoinKey{Left: name, Right: name})
}

func leftOnly(how rdd.JoinKind) bool { return how == "semi" || how == "anti" }

// onlyNeeded leaves a merged column to the side that every row of the result has.
func onlyNeeded(how rdd.JoinKind, from [2]int) [2]int {
	if from[left] < 0 || from[right] < 0 {
		return from
	}
	switch how {
	case "right":
		from[left] = -1
	case "full", "diff":
	default:
		from[right] = -1
	}
	return from
}

// whereColumns parses the condition and returns the columns that it reads.
func (n *node) whereColumns(a *analysis, op rdd.Join) map[string]bool {
	if op.Where == "" {
		return nil
	}
	if n.exprs["where"] == nil {
		a.parse(n, "where", op.Where)
	}
	return reads(map[string]bool{}, n.exprs["where"])
}

// pairSchema is the columns of a pair of rows as conditions see them: the left
// side's and then the right side's. A right column that is merged has no name, nor
// has one of the system's.
func (j *joined) pairSchema() *arrow.Schema {
	var fields []arrow.Field
	for side, s := range j.sides {
		for i, f := range s.schema.Fields() {
			switch {
			case i >= s.plain || side == right && j.names[i] == "":
				f.Name = fmt.Sprintf("\x00%d.%d", side, i)
			case side == right:
				f.Name = j.names[i]
			}
			fields = append(fields, f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

func (a *analysis) joinWhere(n *node, op rdd.Join) {
	used := n.whereColumns(a, op)
	e := n.exprs["where"]
	if e == nil {
		return
	}
	if strict(e) {
		a.fail(n.Dataset.At("where"), "join: strict() has no meaning in a condition on pairs; use it in a map before")
		return
	}
	pair := n.join.pairSchema()
	if t := a.typeFor(n, "where", op.Where, e, anyInlet, pair); t != nil && t.ID() != arrow.BOOL {
		a.fail(n.Dataset.At("where"), "join: %q is %s, a condition is boolean", op.Where, typeName(t))
	}
	lefts := n.join.sides[left].schema.NumFields()
	for _, name := range slices.Sorted(maps.Keys(used)) {
		switch at := indexOf(pair, name); {
		case at >= lefts:
			a.sideColumn(n, right, "where", n.join.sides[right].schema.Field(at-lefts).Name)
		case at >= 0:
			a.sideColumn(n, left, "where", name)
		}
	}
}

func (a *analysis) joinTime(n *node, op rdd.Join) {
	w := op.Within
	if w == (rdd.JoinTime{}) {
		return
	}
	for side, name := range []string{w.Left, w.Right} {
		t := a.sideColumn(n, side, "within", name)
		if t != nil && t.ID() != arrow.TIMESTAMP {
			a.fail(n.Dataset.At("within"), "join: %q is %s, a range of time is between timestamps", name, typeName(t))
		}
	}
	if w.Before < 0 || w.After < 0 || w.Before%time.Microsecond != 0 || w.After%time.Microsecond != 0 {
		a.fail(n.Dataset.At("within"), "join: before and after are whole microseconds and not negative, got %s and %s", w.Before, w.After)
	}
}

// joinWindow finds whether rows leave with their windows: if window_start is a key
// of both sides, and is the start of windows of one size.
func (a *analysis) joinWindow(n *node, op rdd.Join) {
	at := slices.Index(op.On, rdd.JoinKey{Left: rdd.WindowStart, Right: rdd.WindowStart})
	if at < 0 {
		return
	}
	sizes := map[time.Duration]bool{}
	for _, s := range n.join.sides {
		parent := a.nodes[n.Parents[s.inlet]]
		for _, l := range s.labels.Each() {
			sizes[parent.windows[l]] = true
			n.join.size = parent.windows[l]
			n.join.overlap |= parent.overlap >> uint(l) & 1
		}
	}
	if len(sizes) > 1 {
		a.fail(n.Dataset.At(fmt.Sprintf("on.%d", at)), "join: the windows of the two sides differ in size")
	}
	n.join.windowed = n.join.size != 0
}
