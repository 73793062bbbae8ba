package json

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
)

// kindOf returns how values of a type are read and written, or 0.
func kindOf(dt arrow.DataType) kind {
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		return kindBool
	case *arrow.Int64Type:
		return kindInt
	case *arrow.Float64Type:
		return kindFloat
	case *arrow.Decimal128Type:
		return kindDecimal
	case *arrow.StringType:
		return kindText
	case *arrow.DictionaryType:
		if dt.ValueType.ID() == arrow.STRING {
			return kindText
		}
	case *arrow.BinaryType:
		return kindBinary
	case *arrow.TimestampType:
		if dt.Unit == arrow.Microsecond {
			return kindTime
		}
	case *arrow.Date32Type:
		return kindDate
	case *arrow.DurationType:
		if dt.Unit == arrow.Microsecond {
			return kindSpan
		}
	case *arrow.StructType:
		return kindStruct
	case *arrow.ListType:
		return kindList
	case *arrow.MapType:
		return kindMap
	}
	return 0
}

// sqlName spells a type as job files do.
func sqlName(dt arrow.DataType) string {
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		return "boolean"
	case *arrow.Int64Type:
		return "bigint"
	case *arrow.Float64Type:
		return "double"
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal(%d,%d)", dt.Precision, dt.Scale)
	case *arrow.StringType, *arrow.DictionaryType:
		return "string"
	case *arrow.BinaryType:
		return "binary"
	case *arrow.TimestampType:
		return "timestamp"
	case *arrow.Date32Type:
		return "date"
	case *arrow.DurationType:
		return "interval"
	case *arrow.StructType:
		return "struct"
	case *arrow.ListType:
		return "array"
	case *arrow.MapType:
		return "map"
	}
	return dt.String()
}

// want says what a value of the column looks like.
func (n *node) want() string {
	if n.path == "" {
		return "an object"
	}
	return sqlName(n.typ)
}

// builder makes the nodes of a schema.
type builder struct {
	mem   memory.Allocator
	opts  *settings
	plain func(column string) bool // whether a column's strings are not worth a dictionary
}

// root returns the node of rows of a schema of which the columns named are kept.
func (m *builder) root(s *arrow.Schema, columns []string) (*node, error) {
	n := &node{kind: kindStruct, mem: m.mem, typ: arrow.StructOf(s.Fields()...)}
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
		c, err := m.node(f.Name, f.Type, !slices.Contains(columns, f.Name))
		if err != nil {
			return nil, err
		}
		c.unit = m.opts.unit(f.Name, c.kind)
		if c.kind == kindText && !c.drop && !m.plain(f.Name) {
			c.terms = &terms{}
		}
		n.fields = append(n.fields, c)
	}
	n.keys = newKeys(names)
	return n, nil
}

func (m *builder) node(path string, dt arrow.DataType, drop bool) (*node, error) {
	n := &node{kind: kindOf(dt), typ: dt, path: path, drop: drop, mem: m.mem, times: &m.opts.clock, width: 1}
	add := func(path string, dt arrow.DataType) error {
		f, err := m.node(path, dt, drop)
		if err == nil {
			n.fields = append(n.fields, f)
			n.width += f.width
		}
		return err
	}
	switch dt := dt.(type) {
	case *arrow.StructType:
		var names []string
		for _, f := range dt.Fields() {
			names = append(names, f.Name)
			if err := add(path+"."+f.Name, f.Type); err != nil {
				return nil, err
			}
		}
		n.keys = newKeys(names)
	case *arrow.ListType:
		return n, add(path+"[]", dt.Elem())
	case *arrow.MapType:
		if k := kindOf(dt.KeyType()); k == kindStruct || k == kindList || k == kindMap {
			return nil, fault.New(fault.Invalid, "json: column %s: keys of a map cannot be of type %s", path, sqlName(dt.KeyType()))
		}
		if err := add(path+" key", dt.KeyType()); err != nil {
			return nil, err
		}
		return n, add(path+".*", dt.ItemType())
	case *arrow.DictionaryType:
		n.typ = dt.ValueType
	}
	if n.kind == 0 {
		return nil, fault.New(fault.Invalid, "json: column %s is of type %s, which JSON lines cannot hold", path, dt)
	}
	return n, nil
}
