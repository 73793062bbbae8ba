package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// Ids of the members of LogicalType that are groups.
const (
	logicalMap  = 2
	logicalList = 3
)

// node is a part of a nested column: a leaf, a list of one kid, which a map is
// too, or a struct. Parquet writes of every value of a leaf how deep the optional
// and repeated parts above it are defined, and at which repeated part it goes on
// (Melnik et al., Dremel, VLDB 2010). A slot is a place where the part may have a
// value.
type node struct {
	name string
	typ  arrow.DataType
	list bool
	kids []*node // none for a leaf
	leaf *leaf
	// There is a slot where the repetition level is at most rep and the definition
	// level at least slot; it is not null if that is at least def.
	rep, slot, def int
	stream         *leafStream // of a leaf, while it is read
}

// levelsAt is where a part stands in the levels.
type levelsAt struct{ rep, slot, def int }

// treeParser turns the schema from an element on into a node.
type treeParser struct {
	f              *footer
	at, leaves     int // next element, next leaf
	binaryAsString bool
	why            string // the first part that is not supported, and why
}

// tree parses a top-level field at element at, whose first leaf is number first.
func (f *footer) tree(at, first int, binaryAsString bool) (*node, string) {
	p := &treeParser{f: f, at: at, leaves: first, binaryAsString: binaryAsString}
	n := p.field(levelsAt{})
	if p.why == "" && !types.Supported(n.typ) {
		p.why = "its type has parts of one name, or is nested too deep"
	}
	return n, p.why
}

func (p *treeParser) fail(e *element, why string) {
	if p.why == "" {
		p.why = fmt.Sprintf("its part %q: %s", e.name, why)
	}
}

// field parses an element with its repetition: a repeated one that is not within
// a LIST is a list of its own.
func (p *treeParser) field(l levelsAt) *node {
	e := &p.f.schema[p.at]
	if e.repeat == format.Repeated {
		return p.listOf(e.name, l, func(in levelsAt) *node { return p.value(in) })
	}
	if e.repeat == format.Optional {
		l.def++
	}
	return p.value(l)
}

func (p *treeParser) listOf(name string, l levelsAt, element func(levelsAt) *node) *node {
	kid := element(levelsAt{rep: l.rep + 1, slot: l.def + 1, def: l.def + 1})
	n := &node{name: name, list: true, kids: []*node{kid}, rep: l.rep, slot: l.slot, def: l.def}
	if kid.typ != nil {
		n.typ = arrow.ListOf(kid.typ)
	}
	return n
}

// value parses an element whose repetition is in l already.
func (p *treeParser) value(l levelsAt) *node {
	e := &p.f.schema[p.at]
	p.at++
	switch {
	case e.leaf:
		return p.leaf(e, l)
	case e.annotation() == logicalList && e.children == 1 && p.f.schema[p.at].repeat == format.Repeated:
		return p.listGroup(e, l)
	case e.annotation() == logicalMap && e.children == 1 && p.f.schema[p.at].repeat == format.Repeated && p.f.schema[p.at].children == 2:
		return p.mapGroup(e, l)
	}
	return p.structGroup(e, e.children, l)
}

// listGroup parses what is within a LIST: a repeated group around the element, or,
// as writers of old have it, the repeated element itself.
func (p *treeParser) listGroup(e *element, l levelsAt) *node {
	r := &p.f.schema[p.at]
	return p.listOf(e.name, l, func(in levelsAt) *node {
		if r.leaf || r.children != 1 || r.name == "array" || r.name == e.name+"_tuple" || p.f.schema[p.at+1].repeat == format.Repeated {
			return p.value(in)
		}
		p.at++
		return p.field(in)
	})
}

func (p *treeParser) mapGroup(e *element, l levelsAt) *node {
	n := p.listOf(e.name, l, func(in levelsAt) *node {
		entries := &p.f.schema[p.at]
		p.at++
		return p.structGroup(entries, 2, in)
	})
	if entries, ok := n.kids[0].typ.(*arrow.StructType); ok {
		m := arrow.MapOf(entries.Field(0).Type, entries.Field(1).Type)
		n.typ, n.kids[0].typ = m, m.Elem()
	}
	return n
}

func (p *treeParser) structGroup(e *element, children int, l levelsAt) *node {
	n := &node{name: e.name, rep: l.rep, slot: l.slot, def: l.def}
	var fields []arrow.Field
	for range children {
		kid := p.field(l)
		n.kids = append(n.kids, kid)
		if kid.typ != nil {
			fields = append(fields, arrow.Field{Name: kid.name, Type: kid.typ, Nullable: true})
		}
	}
	if len(fields) == 0 {
		p.fail(e, "a struct without fields is not supported")
	}
	n.typ = arrow.StructOf(fields...)
	return n
}

func (p *treeParser) leaf(e *element, l levelsAt) *node {
	n := &node{name: e.name, rep: l.rep, slot: l.slot, def: l.def, leaf: &leaf{name: e.name, index: p.leaves}}
	p.leaves++
	n.leaf.ofElement(e, p.binaryAsString)
	p.f.interval(n.leaf)
	if n.typ = n.leaf.typ; n.typ == nil {
		p.fail(e, n.leaf.why)
	}
	return n
}

// first is the first leaf of a part.
func (n *node) first() *node {
	for len(n.kids) > 0 {
		n = n.kids[0]
	}
	return n
}

// each calls f for all leaves.
func (n *node) each(f func(leaf *node) error) error {
	if n.leaf != nil {
		return f(n)
	}
	for _, k := range n.kids {
		if err := k.each(f); err != nil {
			return err
		}
	}
	return nil
}

// clone copies the tree, for a reader to hang its streams on.
func (n *node) clone() *node {
	out := *n
	out.kids = make([]*node, len(n.kids))
	for i, k := range n.kids {
		out.kids[i] = k.clone()
	}
	return &out
}

// groupAnnotation is annotation of the old way for groups.
func groupAnnotation(c deprecated.ConvertedType) int16 {
	switch c {
	case deprecated.List:
		return logicalList
	case deprecated.Map, deprecated.MapKeyValue:
		return logicalMap
	}
	return 0
}
